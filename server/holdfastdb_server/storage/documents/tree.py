"""Documents as parents and children: row locks, when subtrees expire, and their deletion."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.documents.document import DocumentKey
from holdfastdb_server.domain.errors import DependencyCycle, DocumentHasChildren
from holdfastdb_server.storage.documents.rows import HEAD, exists, expire_time_of, key_of
from holdfastdb_server.storage.engines.base import Dialect, InlineRows
from holdfastdb_server.storage.engines.columns import Micros
from holdfastdb_server.storage.schema import documents


class DocumentStatements:
    """The statements on rows of documents, built once."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.find = sa.select(documents).where(
            documents.c.namespace == sa.bindparam("namespace"),
            documents.c.collection == sa.bindparam("collection"),
            documents.c.id == sa.bindparam("id"),
            exists(),
        )
        self.names = InlineRows(dialect, "n", {"collection": sa.Text(), "id": sa.Text()})
        named = sa.and_(
            documents.c.namespace == sa.bindparam("namespace"),
            documents.c.collection == self.names.c.collection,
            documents.c.id == self.names.c.id,
        )
        by_name = sa.select(*HEAD).join(self.names.table, named).order_by(documents.c.key)
        self.lock_named = by_name.with_for_update()
        # FOR KEY SHARE: a transaction that deletes or puts one of these waits, another child of it does not.
        self.share_named = by_name.where(exists()).with_for_update(read=True, key_share=True)

        self.keys = InlineRows(dialect, "k", {"key": sa.BigInteger()})
        keys = sa.select(self.keys.c.key)
        by_key = sa.select(*HEAD).order_by(documents.c.key)
        with_ttl = by_key.where(documents.c.key.in_(keys), documents.c.expire_time.is_not(None))
        self.lock_with_ttl = with_ttl.with_for_update(key_share=True)
        self.last_children = (
            sa.select(
                documents.c.parent_key,
                sa.func.count().label("count"),
                sa.func.count(documents.c.subtree_expire_time).label("expiring_count"),
                sa.func.max(documents.c.subtree_expire_time).label("subtree_expire_time"),
            )
            .where(documents.c.parent_key.in_(keys))
            .group_by(documents.c.parent_key)
        )
        self.delete = documents.delete().where(documents.c.key.in_(keys))

        self.lock_keyed = by_key.where(documents.c.key.in_(keys)).with_for_update()

        # Not joined with the lock: the planner overestimates the rows of a recursive query.
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

        time, until = sa.bindparam("b_time", type_=Micros), documents.c.subtree_expire_time
        self.refresh = (
            documents.update()
            .where(
                documents.c.key == sa.bindparam("b_key"),
                documents.c.ttl == sa.bindparam("b_ttl"),
                exists(),
            )
            .values(
                expire_time=time,
                subtree_expire_time=sa.case((until < time, time), else_=until),
            )
        )
        self.settle = (
            documents.update()
            .where(documents.c.key == sa.bindparam("b_key"))
            .values(
                subtree_expire_time=sa.bindparam("b_subtree"),
                expiry_check_time=sa.bindparam("b_check"),
            )
        )


class DocumentTree:
    """The documents of one transaction. One exists until its subtree_expire_time."""

    def __init__(self, connection: AsyncConnection, statements: DocumentStatements) -> None:
        self._connection = connection
        self._sql = statements
        self.now = datetime.now(UTC)

    def exists(self, row: Any) -> bool:
        """Whether the document in a row exists."""
        return row.subtree_expire_time is None or row.subtree_expire_time > self.now

    async def lock(self, namespace: str, keys: Iterable[DocumentKey]) -> dict[DocumentKey, Any]:
        """Lock the documents, in the order of their keys, and return those that exist.

        The rows of those that have expired are deleted.
        """
        found = await self._read(self._sql.lock_named, namespace, keys)
        if expired := [row.key for row in found if not self.exists(row)]:
            await self.remove(expired)
        return {key_of(row): row for row in found if self.exists(row)}

    async def share(self, namespace: str, keys: Iterable[DocumentKey]) -> dict[DocumentKey, Any]:
        """Return the documents that exist, and lock them against deletion until the transaction ends."""
        return {key_of(row): row for row in await self._read(self._sql.share_named, namespace, keys)}

    async def _read(self, query: Any, namespace: str, keys: Iterable[DocumentKey]) -> list[Any]:
        names = sorted({(key.collection, key.document_id) for key in keys})
        if not names:
            return []
        params = {"namespace": namespace, "now": self.now, **self._sql.names.params(names)}
        return list(await self._connection.execute(query, params))

    async def remove(self, roots: Collection[int], *, with_children: bool = False) -> list[Any]:
        """Delete documents and all below them, and return the deleted rows.

        Without `with_children`, raises DocumentHasChildren if a document below them exists that is none of
        them.
        """
        if not roots:
            return []
        rows = await self._lock_below(roots)
        below = [row for row in rows.values() if self.exists(row) and row.key not in roots]
        if below and not with_children:
            child = next(row for row in below if row.parent_key in roots)
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
            # Again until no key is new: a child may be inserted while this waits for a lock.
            if keys <= rows.keys():
                return {key: rows[key] for key in keys}
            locked = await self._connection.execute(self._sql.lock_keyed, self._keys(keys))
            rows = {row.key: row for row in locked}

    async def refresh(self, rows: Iterable[Any]) -> dict[int, datetime]:
        """Restart the times to live of the rows that have one, and return their new expire_time, by key."""
        with_ttl = {row.key: row for row in rows if row.ttl is not None}
        times = {key: expire_time_of(row, self.now) for key, row in sorted(with_ttl.items())}
        if times:
            params = [
                {"b_key": key, "b_time": time, "b_ttl": with_ttl[key].ttl, "now": self.now}
                for key, time in times.items()
            ]
            await self._connection.execute(self._sql.refresh, params)
            await self.settle({row.parent_key for row in with_ttl.values()})
        return times

    async def settle(self, keys: Iterable[int | None]) -> None:
        """Set the subtree_expire_time of documents from their children's, and so on up to the roots."""
        wanted = {key for key in keys if key is not None}
        while wanted:
            params = self._keys(wanted)
            with_ttl = list(await self._connection.execute(self._sql.lock_with_ttl, params))
            if not with_ttl:
                return
            children = {
                row.parent_key: row for row in await self._connection.execute(self._sql.last_children, params)
            }
            wanted, changes = set(), []
            for row in with_ttl:
                time = _subtree_expire_time(row, children.get(row.key))
                if time == row.subtree_expire_time:
                    continue
                check = row.expiry_check_time
                if time is not None and (check is None or time < check):
                    check = time
                changes.append({"b_key": row.key, "b_subtree": time, "b_check": check})
                if row.parent_key is not None:
                    wanted.add(row.parent_key)
            if changes:
                await self._connection.execute(self._sql.settle, changes)

    async def check_no_cycle(self, keys: Collection[int]) -> None:
        """Raise DependencyCycle if one of the documents is among its own ancestors."""
        found = await self._connection.execute(self._sql.above, self._keys(keys))
        rows = {row.key: row for row in found}
        for start in sorted(keys):
            path: list[int] = []
            key = start
            while key is not None and key not in path:
                path.append(key)
                key = rows[key].parent_key
            if key is not None:
                raise cycle([key_of(rows[one]) for one in path[path.index(key) :]])

    def _keys(self, keys: Iterable[int]) -> dict[str, Any]:
        return self._sql.keys.params([(key,) for key in sorted(keys)])


def cycle(keys: list[DocumentKey]) -> DependencyCycle:
    """Return the error for documents of which each is the child of the next, and the last of the first."""
    first = keys[0]
    return DependencyCycle(
        [str(key) for key in keys], collection=first.collection, document_id=first.document_id
    )


def _subtree_expire_time(row: Any, children: Any) -> datetime | None:
    """Return the subtree_expire_time of a document with a time to live; None if a child never expires."""
    time: datetime = row.expire_time
    if children is None:
        return time
    return max(time, children.subtree_expire_time) if children.count == children.expiring_count else None
