"""The web pages: the customer's chat and the agents' desk, as static files with strict headers."""
