"""Plans in SQL, with their items."""
