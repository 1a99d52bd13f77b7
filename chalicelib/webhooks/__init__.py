"""Webhooks: from a signed HTTP request to a row in PostgreSQL."""
