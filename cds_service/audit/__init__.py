"""Decision records and feedback."""
