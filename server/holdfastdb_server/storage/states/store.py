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
from holdfastdb_server.storage.query.filters import has_prefix
from holdfastdb_server.storage.schema import state_versions, states
from holdfastdb_server.storage.sessions.resource import session_resource
from holdfastdb_server.storage.states.lists import StateLists
from holdfastdb_server.storage.write_path import rows
from holdfastdb_server.storage.write_path.entries import Save
from holdfastdb_server.storage.write_path.group_commit import GroupCommit
from holdfastdb_server.storage.write_path.point_reads import Load, PointReads
from holdfastdb_server.storage.write_path.transaction import Transaction
from holdfastdb_server.storage.write_path.writer import Writer


class SqlStates:
    """Carries out the port StateStore in SQL."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        group_commit: GroupCommit,
        reads: PointReads,
    ) -> None:
        self._database = database
        self._sessions = session_resource(database.dialect)
        self._writer = writer
        self._group_commit = group_commit
        self._reads = reads
        self._lists = StateLists(database.dialect)

    async def save(
        self, namespace: str, session_id: str, writes: Sequence[StateWrite], request_id: str = ""
    ) -> Sequence[State]:
        return await self._group_commit.save(Save(namespace, session_id, writes, request_id))

    async def patch(self, namespace: str, session_id: str, patch: StatePatch, request_id: str = "") -> State:
        fingerprint = fingerprint_of("patch state", patch)

        async def work(transaction: Transaction) -> State:
            connection = transaction.connection
            await transaction.lock([(namespace, session_id)])
            session = transaction.session(namespace, session_id)
            await transaction.look_up_heads([(session, patch.key)])
            request = session.request(request_id)
            if (known := await transaction.requests.reserve(request, fingerprint)) is not None:
                (version,), _, _ = replies.read_save(known)
                made = await self._version(connection, session.key, patch.key, version)
                if made is None:
                    raise StateNotFound(session_id, patch.key, version)
                return rows.state_of(made)
            session.check_open()
            head = transaction.version_of(session, patch.key)
            if head is None:
                raise StateNotFound(session_id, patch.key)
            newest = await self._version(connection, session.key, patch.key, head)
            if newest.body is None:
                raise StateNotPatchable(session_id, patch.key)
            merged = Payload(
                merge_text("merge_patch", newest.body, patch.merge_patch), None, newest.media_type
            )
            write = StateWrite(patch.key, merged, newest.metadata, patch.run_id, patch.expected_version)
            write.checked("result")
            (version,) = transaction.save(session, [write])
            saved = ([version], session.last_sequence, transaction.now)
            transaction.requests.complete(request, replies.write_save(*saved))
            await transaction.write()
            return rows.state_of(await self._version(connection, session.key, patch.key, version))

        return await self._writer.run(work)

    async def _version(self, connection: AsyncConnection, session_key: int, key: str, version: int) -> Any:
        query = sa.select(state_versions).where(
            state_versions.c.session_key == session_key,
            state_versions.c.key == key,
            state_versions.c.version == version,
        )
        return (await connection.execute(query)).first()

    async def load(self, namespace: str, session_id: str, key: str, version: int | None = None) -> State:
        return await self._reads.state(Load(namespace, session_id, key, version))

    async def list(
        self, namespace: str, session_id: str, where: StateFilter, page: PageRequest
    ) -> Page[State]:

        async def work(connection: AsyncConnection) -> Page[State]:
            session = await self._sessions.require(connection, namespace, session_id)
            return await self._lists.read(connection, session.key, where, page)

        return await self._database.read(work)

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
            # `states` first: the selection joins the versions.
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
            return deleted.rowcount

        return await self._writer.run(work)
