"""How Alembic runs our migrations: on a connection that it is given, or offline as PostgreSQL's SQL.

`holdfastdb_server.storage.engines.migrations` gives the connection, inside of the transaction that it holds.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

connection: Connection | None = context.config.attributes.get("connection")

if connection is None:
    context.configure(dialect_name="postgresql", literal_binds=True)
else:
    context.configure(connection=connection)

with context.begin_transaction():
    context.run_migrations()
