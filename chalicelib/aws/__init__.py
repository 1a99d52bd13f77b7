"""Generic AWS plumbing. Nothing here knows what a webhook, a chat or a call is."""
