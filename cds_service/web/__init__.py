"""HTTP only; no decisions."""
