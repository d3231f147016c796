"""States in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.errors import StateNotFound, StateNotPatchable
from holdfastdb_server.domain.fingerprint import fingerprint_of
from holdfastdb_server.domain.merge_patch import merge_text
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.states import State, StateFilter, StatePatch, StateSelection, StateWrite
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.idempotency import replies
from holdfastdb_server.storage.query.cache import Queries
from holdfastdb_server.storage.query.filters import has_prefix
from holdfastdb_server.storage.query.pages import PageQuery, fitting
from holdfastdb_server.storage.schema import state_versions, states
from holdfastdb_server.storage.sessions.store import require
from holdfastdb_server.storage.write_path import rows
from holdfastdb_server.storage.write_path.entries import Save
from holdfastdb_server.storage.write_path.group_commit import GroupCommit
from holdfastdb_server.storage.write_path.point_reads import Load, PointReads
from holdfastdb_server.storage.write_path.transaction import Transaction
from holdfastdb_server.storage.write_path.writer import Writer


class SqlStates:
    """See StateStore."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        group_commit: GroupCommit,
        reads: PointReads,
    ) -> None:
        self._database = database
        self._writer = writer
        self._group_commit = group_commit
        self._reads = reads
        self._queries: Queries[PageQuery] = Queries()

    async def save(
        self, namespace: str, session_id: str, writes: Sequence[StateWrite], request_id: str = ""
    ) -> Sequence[State]:
        return await self._group_commit.save(Save(namespace, session_id, writes, request_id))

    async def patch(self, namespace: str, session_id: str, patch: StatePatch, request_id: str = "") -> State:
        fingerprint = fingerprint_of(
            "patch", patch.key, patch.merge_patch, patch.run_id, patch.expected_version
        )

        async def work(transaction: Transaction) -> State:
            connection = transaction.connection
            await transaction.lock([(namespace, session_id)])
            session = transaction.session(namespace, session_id)
            await transaction.look_up_heads([(session, patch.key)])
            await transaction.look_up_requests([(session, request_id)] if request_id else [])
            if (known := transaction.recall(session, request_id, fingerprint)) is not None:
                (version,), _, _ = replies.read_save(known)
                made = await self._version(connection, session.key, patch.key, version)
                if made is None:
                    raise StateNotFound(session_id, patch.key, version)
                return rows.state_of(made)
            session.check_open()
            newest = await self._version(connection, session.key, patch.key)
            if newest is None:
                raise StateNotFound(session_id, patch.key)
            if newest.body is None:
                raise StateNotPatchable(session_id, patch.key)
            merged = Payload(
                merge_text("merge_patch", newest.body, patch.merge_patch), None, newest.media_type
            )
            write = StateWrite(patch.key, merged, newest.metadata, patch.run_id, patch.expected_version)
            write.checked("result")
            versions = transaction.save(session, [write])
            saved = (versions, session.last_sequence, transaction.now)
            transaction.remember(session, request_id, fingerprint, replies.write_save(*saved))
            await transaction.write()
            made = await self._version(connection, session.key, patch.key)
            return rows.state_of(made)

        return await self._writer.run(work)

    async def _version(
        self, connection: AsyncConnection, session_key: int, key: str, version: int | None = None
    ) -> Any:
        query = sa.select(state_versions).where(
            state_versions.c.session_key == session_key, state_versions.c.key == key
        )
        if version is None:
            query = query.order_by(state_versions.c.version.desc()).limit(1)
        else:
            query = query.where(state_versions.c.version == version)
        return (await connection.execute(query)).first()

    async def load(self, namespace: str, session_id: str, key: str, version: int | None = None) -> State:
        return await self._reads.state(Load(namespace, session_id, key, version))

    async def list(
        self, namespace: str, session_id: str, where: StateFilter, page: PageRequest
    ) -> Page[State]:

        async def work(connection: AsyncConnection) -> Page[State]:
            session = await require(connection, namespace, session_id)
            shape = (where, page.descending, page.after is None)
            query = self._queries.get(shape, lambda: self._page_query(where, page))
            params = {"session_key": session.key}
            found, more = await query.read(connection, page.size, params | _position(page))
            # The database has counted the payloads too.
            shown = fitting(found, rows.state_head_size) if where.omit_payload else found
            more = more or len(shown) < len(found)
            total = None
            if page.with_total:
                count = sa.select(sa.func.count()).select_from(self._matching(where).subquery())
                total = await connection.scalar(count, params)
            return Page(
                [rows.state_of(row, omit_payload=where.omit_payload) for row in shown],
                (shown[-1].key, shown[-1].version) if more else None,
                total,
            )

        return await self._database.read(work)

    def _page_query(self, where: StateFilter, page: PageRequest) -> PageQuery:
        picked = self._matching(where)
        if page.after is not None:
            picked = picked.where(_beyond(where, page.descending))
        listed = _listed(where)
        order = [(listed.c.key, page.descending), (listed.c.version, True)]
        return PageQuery(state_versions, picked, order, ("body", "data") if where.omit_payload else ())

    def _matching(self, where: StateFilter) -> sa.Select[Any]:
        listed = _listed(where)
        found = []
        if where.metadata:
            found.append(self._database.dialect.holds(state_versions.c.metadata, where.metadata))
        if where.run_id:
            found.append(state_versions.c.run_id == where.run_id)
        size: sa.ColumnElement[int] = state_versions.c.size
        if not where.all_versions:
            # Not joined but looked up head by head: a page then reads no more of them than it shows.
            version = sa.and_(
                *(
                    state_versions.c[c.name] == c
                    for c in (states.c.session_key, states.c.key, states.c.version)
                )
            )
            size = sa.select(size).where(version).scalar_subquery().label("size")
            found = [sa.exists().where(version, *found)] if found else []
        query = sa.select(listed.c.session_key, listed.c.key, listed.c.version, size).where(
            listed.c.session_key == sa.bindparam("session_key", type_=sa.BigInteger), *found
        )
        if where.key_prefix:
            query = query.where(has_prefix(listed.c.key, where.key_prefix))
        if where.key_after:
            query = query.where(listed.c.key > where.key_after)
        if where.key_before:
            query = query.where(listed.c.key < where.key_before)
        return query

    async def delete(self, namespace: str, session_id: str, which: StateSelection) -> int:

        async def work(transaction: Transaction) -> int:
            connection = transaction.connection
            await transaction.lock([(namespace, session_id)])
            session = transaction.session(namespace, session_id)
            session.check_open()
            selected = sa.select(states.c.key).where(states.c.session_key == session.key)
            if which.keys is not None:
                selected = selected.where(states.c.key.in_(which.keys))
            if which.key_prefix is not None:
                selected = selected.where(has_prefix(states.c.key, which.key_prefix))
            if which.run_id is not None:
                newest = sa.and_(
                    state_versions.c.session_key == states.c.session_key,
                    state_versions.c.key == states.c.key,
                    state_versions.c.version == states.c.version,
                )
                selected = selected.join(state_versions, newest).where(
                    state_versions.c.run_id == which.run_id
                )
            # `states` first: the selection looks at versions too.
            delete = states.delete().where(states.c.session_key == session.key, states.c.key.in_(selected))
            deleted = await connection.execute(delete)
            left = sa.exists().where(
                states.c.session_key == state_versions.c.session_key, states.c.key == state_versions.c.key
            )
            await connection.execute(
                state_versions.delete().where(state_versions.c.session_key == session.key, ~left)
            )
            if deleted.rowcount:
                transaction.touch(session)
                await transaction.write()
            return deleted.rowcount

        return await self._writer.run(work)


def _position(page: PageRequest) -> dict[str, Any]:
    if page.after is None:
        return {}
    key, version = page.after
    return {"after_key": key, "after_version": version}


def _listed(where: StateFilter) -> sa.Table:
    """What a list goes through: all versions, or the heads, each of which names its newest one."""
    return state_versions if where.all_versions else states


def _beyond(where: StateFilter, descending: bool) -> sa.ColumnElement[bool]:
    """Whether a version comes after the position; newer versions of a key come first either way."""
    key = _listed(where).c.key
    last = sa.bindparam("after_key", type_=key.type)
    further = key < last if descending else key > last
    if not where.all_versions:
        return further
    older = state_versions.c.version < sa.bindparam("after_version", type_=sa.BigInteger)
    # The first condition says no more, but tells the index where to begin.
    return sa.and_(key <= last if descending else key >= last, sa.or_(further, older))
