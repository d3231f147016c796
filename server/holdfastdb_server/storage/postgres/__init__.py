"""What only PostgreSQL has: writes in one statement, LISTEN and NOTIFY, ANALYZE."""
