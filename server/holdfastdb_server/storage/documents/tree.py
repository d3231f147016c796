"""Documents as parents and children: who is locked, who is there as long as whom, who goes with whom."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.documents.document import DocumentKey
from holdfastdb_server.domain.errors import DependencyCycle, DocumentHasChildren
from holdfastdb_server.storage.documents.rows import HEAD, expire_time_of, is_there, key_of
from holdfastdb_server.storage.engines.base import Dialect, InlineRows
from holdfastdb_server.storage.engines.columns import Micros
from holdfastdb_server.storage.schema import documents


class DocumentStatements:
    """The statements on rows of documents, built once."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.find = sa.select(documents).where(
            documents.c.namespace == sa.bindparam("namespace", type_=sa.Text),
            documents.c.collection == sa.bindparam("collection", type_=sa.Text),
            documents.c.id == sa.bindparam("id", type_=sa.Text),
            is_there(),
        )
        self.names = InlineRows(dialect, "n", {"collection": sa.Text(), "id": sa.Text()})
        named = sa.and_(
            documents.c.namespace == sa.bindparam("namespace", type_=sa.Text),
            documents.c.collection == self.names.c.collection,
            documents.c.id == self.names.c.id,
        )
        by_name = sa.select(*HEAD).join(self.names.table, named).order_by(documents.c.key)
        self.lock_named = by_name.with_for_update(of=documents)
        # Whoever deletes one of these, or puts it, waits; other children do not.
        self.share_named = by_name.where(is_there()).with_for_update(read=True, key_share=True, of=documents)

        self.keys = InlineRows(dialect, "k", {"key": sa.BigInteger()})
        keys = sa.select(self.keys.c.key)
        by_key = sa.select(*HEAD).order_by(documents.c.key)
        mortal = by_key.where(documents.c.key.in_(keys), documents.c.expire_time.is_not(None))
        self.lock_mortal = mortal.with_for_update(key_share=True)
        self.last_children = (
            sa.select(
                documents.c.parent_key,
                sa.func.count().label("count"),
                sa.func.count(documents.c.gone_time).label("mortal_count"),
                sa.func.max(documents.c.gone_time).label("gone_time"),
            )
            .where(documents.c.parent_key.in_(keys))
            .group_by(documents.c.parent_key)
        )
        self.delete = documents.delete().where(documents.c.key.in_(keys))

        self.lock_keyed = by_key.where(documents.c.key.in_(keys)).with_for_update()

        # Apart from the lock: of a join with them, the planner would expect too much.
        below = keys.cte("below", recursive=True)
        child = documents.alias()
        below = below.union(sa.select(child.c.key).join(below, child.c.parent_key == below.c.key))
        self.below = sa.select(below.c.key)

        names = ("key", "parent_key", "collection", "id")
        start, parent = documents.alias(), documents.alias()
        above = (
            sa.select(*(start.c[name] for name in names))
            .join(self.keys.table, start.c.key == self.keys.c.key)
            .cte("above", recursive=True)
        )
        above = above.union(
            sa.select(*(parent.c[name] for name in names)).join(above, parent.c.key == above.c.parent_key)
        )
        self.above = sa.select(above)

        time = sa.bindparam("b_time", type_=Micros)
        self.refresh = (
            documents.update()
            .where(
                documents.c.key == sa.bindparam("b_key", type_=sa.BigInteger),
                documents.c.ttl == sa.bindparam("b_ttl", type_=sa.BigInteger),
                is_there(),
            )
            .values(
                expire_time=time,
                gone_time=sa.case((documents.c.gone_time < time, time), else_=documents.c.gone_time),
            )
        )
        self.settle = (
            documents.update()
            .where(documents.c.key == sa.bindparam("b_key", type_=sa.BigInteger))
            .values(
                gone_time=sa.bindparam("b_gone", type_=Micros),
                expiry_check_time=sa.bindparam("b_check", type_=Micros),
            )
        )


class DocumentTree:
    """The documents of one transaction. A row is there unless its time to live has passed."""

    def __init__(self, connection: AsyncConnection, statements: DocumentStatements) -> None:
        self._connection = connection
        self._sql = statements
        self.now = datetime.now(UTC)

    def is_there(self, row: Any) -> bool:
        """Whether the document in a row exists."""
        return row.gone_time is None or row.gone_time > self.now

    async def lock(self, namespace: str, keys: Iterable[DocumentKey]) -> dict[DocumentKey, Any]:
        """Lock the documents, in the order of their keys, and return those that are there.

        The rows of those that are not are deleted.
        """
        found = await self._read(self._sql.lock_named, namespace, keys)
        if lapsed := [row.key for row in found if not self.is_there(row)]:
            await self.remove(lapsed)
        return {key_of(row): row for row in found if self.is_there(row)}

    async def share(self, namespace: str, keys: Iterable[DocumentKey]) -> dict[DocumentKey, Any]:
        """Return the documents that are there, and see to it that they stay until the end."""
        return {key_of(row): row for row in await self._read(self._sql.share_named, namespace, keys)}

    async def _read(self, query: Any, namespace: str, keys: Iterable[DocumentKey]) -> list[Any]:
        names = sorted({(key.collection, key.document_id) for key in keys})
        if not names:
            return []
        params = {"namespace": namespace, "now": self.now, **self._sql.names.params(names)}
        return list(await self._connection.execute(query, params))

    async def remove(self, roots: Collection[int], *, with_children: bool = False) -> list[Any]:
        """Delete documents and what is below them, and return the rows that are gone.

        Raises DocumentHasChildren if one has children beside them that are there, unless they may go too.
        """
        if not roots:
            return []
        rows = await self._lock_below(roots)
        staying = [row for row in rows.values() if self.is_there(row) and row.key not in roots]
        if staying and not with_children:
            child = next(row for row in staying if row.parent_key in roots)
            raise DocumentHasChildren(child.parent_collection, child.parent_id)
        if rows:
            await self._connection.execute(self._sql.delete, self._keys(rows))
            await self.settle({row.parent_key for row in rows.values()} - rows.keys())
        return list(rows.values())

    async def _lock_below(self, roots: Collection[int]) -> dict[int, Any]:
        """Lock documents and all below them, and return their rows by key."""
        rows: dict[int, Any] = {}
        while True:
            keys = set(await self._connection.scalars(self._sql.below, self._keys(roots)))
            # Until there are no others: while we waited for a lock, another child may have come.
            if keys <= rows.keys():
                return {key: rows[key] for key in keys}
            locked = await self._connection.execute(self._sql.lock_keyed, self._keys(keys))
            rows = {row.key: row for row in locked}

    async def refresh(self, rows: Iterable[Any]) -> dict[int, datetime]:
        """Let the times to live of rows begin anew, and return when they pass, by key."""
        mortal = {row.key: row for row in rows if row.ttl is not None}
        times = {key: expire_time_of(row, self.now) for key, row in sorted(mortal.items())}
        if times:
            params = [
                {"b_key": key, "b_time": time, "b_ttl": mortal[key].ttl, "now": self.now}
                for key, time in times.items()
            ]
            await self._connection.execute(self._sql.refresh, params)
            await self.settle({row.parent_key for row in mortal.values()})
        return times

    async def settle(self, keys: Iterable[int | None]) -> None:
        """Let documents be there as long as one below them is, and so on upwards."""
        wanted = {key for key in keys if key is not None}
        while wanted:
            params = self._keys(wanted)
            mortal = list(await self._connection.execute(self._sql.lock_mortal, params))
            if not mortal:
                return
            children = {
                row.parent_key: row for row in await self._connection.execute(self._sql.last_children, params)
            }
            wanted, changes = set(), []
            for row in mortal:
                gone = _gone_time(row, children.get(row.key))
                if gone == row.gone_time:
                    continue
                check = row.expiry_check_time
                if gone is not None and (check is None or gone < check):
                    check = gone
                changes.append({"b_key": row.key, "b_gone": gone, "b_check": check})
                if row.parent_key is not None:
                    wanted.add(row.parent_key)
            if changes:
                await self._connection.execute(self._sql.settle, changes)

    async def check_no_cycle(self, keys: Collection[int]) -> None:
        """Raise DependencyCycle if one of the documents is among its own ancestors."""
        found = await self._connection.execute(self._sql.above, self._keys(keys))
        rows = {row.key: row for row in found}
        for start in sorted(keys):
            way: list[int] = []
            key = start
            while key is not None and key not in way:
                way.append(key)
                key = rows[key].parent_key
            if key is not None:
                raise cycle([key_of(rows[one]) for one in way[way.index(key) :]])

    def _keys(self, keys: Iterable[int]) -> dict[str, Any]:
        return self._sql.keys.params([(key,) for key in sorted(keys)])


def cycle(keys: list[DocumentKey]) -> DependencyCycle:
    """Return the error for documents of which each is the child of the next, and the last of the first."""
    first = keys[0]
    return DependencyCycle(
        [str(key) for key in keys], collection=first.collection, document_id=first.document_id
    )


def _gone_time(row: Any, children: Any) -> datetime | None:
    """Return until when a document that has a time to live is there."""
    time: datetime = row.expire_time
    if children is None:
        return time
    return max(time, children.gone_time) if children.count == children.mortal_count else None
