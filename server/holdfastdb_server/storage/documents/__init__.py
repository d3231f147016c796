"""Documents in SQL: as a tree, and in lists."""
