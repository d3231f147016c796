"""The storage port on SQL: SQLite and PostgreSQL. Only this package knows SQL."""
