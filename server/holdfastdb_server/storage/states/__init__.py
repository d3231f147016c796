"""States in SQL."""
