"""Whole answers, compared to the last byte that matters."""
