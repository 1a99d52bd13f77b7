"""Frontdesk's business logic. Everything here is deployed; nothing else is."""

__version__ = "0.1.0"
