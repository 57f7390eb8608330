"""Small shared types that import nothing else of this package."""
