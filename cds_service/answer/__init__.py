"""Cards and coverage-information made from determinations."""
