"""A Coverage Requirements Discovery service: payer policy as data, answers with their sources."""

__version__ = "0.1.0"
