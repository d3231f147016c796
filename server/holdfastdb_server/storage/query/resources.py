"""What all resources have that callers name by a namespace and an id: get, require, create or find."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.errors import IdTaken, NotFound, VersionMismatch
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.engines.columns import singular


class Resource:
    """The rows of a table with the columns `namespace` and `id`, unique together."""

    def __init__(
        self,
        dialect: Dialect,
        table: sa.Table,
        not_found: Callable[[str], NotFound],
        fingerprint: sa.Column[bytes],
        *,
        returned: Sequence[sa.Column[Any]] = (),
        beside: Sequence[sa.ColumnElement[Any]] = (),
    ) -> None:
        """`fingerprint` is the column of what a resource was created with.

        An insertion returns the columns `returned`, or else the key. Whatever reads a row selects `beside`
        too.
        """
        self._name = singular(table)
        self._not_found = not_found
        self._fingerprint = fingerprint.name
        named = sa.and_(
            table.c.namespace == sa.bindparam("in_namespace"),
            table.c.id == sa.bindparam("with_id"),
        )
        self._select = sa.select(table, *beside).where(named)
        self._select_session: sa.Select[Any] = (
            sa.select(sa.column("session_id", sa.Text)).select_from(table).where(named)
        )
        self._lock = self._select.with_for_update()
        self._insert = dialect.insert(table).on_conflict_do_nothing().returning(*(returned or [table.c.key]))

    async def find(
        self, connection: AsyncConnection, namespace: str, resource_id: str, *, for_update: bool = False
    ) -> Any:
        """Return the row of a resource, or None."""
        name = {"in_namespace": namespace, "with_id": resource_id}
        return (await connection.execute(self._lock if for_update else self._select, name)).first()

    async def require(
        self, connection: AsyncConnection, namespace: str, resource_id: str, *, for_update: bool = False
    ) -> Any:
        """Return the row of a resource. Raises its NotFound."""
        row = await self.find(connection, namespace, resource_id, for_update=for_update)
        if row is None:
            raise self._not_found(resource_id)
        return row

    async def session_of(self, connection: AsyncConnection, namespace: str, resource_id: str) -> str:
        """Return the id of the session that a resource belongs to, empty if to none. Raises its NotFound."""
        name = {"in_namespace": namespace, "with_id": resource_id}
        row = (await connection.execute(self._select_session, name)).first()
        if row is None:
            raise self._not_found(resource_id)
        session_id: str | None = row.session_id
        return session_id or ""

    async def insert(self, connection: AsyncConnection, values: Mapping[str, Any]) -> Any:
        """Insert a row, and return the columns `returned`; None if a unique key of it is taken."""
        return (await connection.execute(self._insert, values)).first()

    async def create_or_find(
        self, connection: AsyncConnection, values: Mapping[str, Any]
    ) -> tuple[Any, bool]:
        """Insert a row, and return the columns `returned` and True.

        If the same was created before, return its row and False. Raises IdTaken if something else was.
        """
        row = await self.insert(connection, values)
        if row is not None:
            return row, True
        row = await self.require(connection, values["namespace"], values["id"])
        self.check_same(row, values[self._fingerprint])
        return row, False

    def check_same(self, row: Any, fingerprint: bytes) -> None:
        """Raise IdTaken when a resource was created with other content."""
        if bytes(getattr(row, self._fingerprint)) != fingerprint:
            raise IdTaken(self._name, row.id)

    def check_version(self, row: Any, expected: int | None) -> None:
        """Raise VersionMismatch when a resource is not at the version that the caller has seen."""
        if expected is not None and expected != row.version:
            raise VersionMismatch(self._name, row.id, expected, row.version)
