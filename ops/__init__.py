"""The operator's command line. Not deployed; it reaches the database only through ``manage_events``."""
