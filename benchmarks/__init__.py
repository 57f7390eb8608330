"""Measurements of the service; nothing here decides whether a test passes."""
