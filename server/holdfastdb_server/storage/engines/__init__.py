"""The engines: every difference between SQLite and PostgreSQL, and how each is opened, migrated and used."""
