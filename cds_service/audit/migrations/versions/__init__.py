"""The steps, by date."""
