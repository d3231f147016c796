"""Which rows PostgreSQL locks, how strongly, in which order, and who waits for whom."""
