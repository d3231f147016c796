"""Runs in SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec.structs import replace

from holdfastdb_server.domain.errors import RunNotFound
from holdfastdb_server.domain.fingerprint import fingerprint_of
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.runs.reports import RunFilter, RunGrouping, RunSummary
from holdfastdb_server.domain.runs.run import Run, RunChange, RunDraft, RunEnd, RunStatus
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.idempotency import replies
from holdfastdb_server.storage.idempotency.request_ids import RequestName
from holdfastdb_server.storage.query.filters import NAMESPACE
from holdfastdb_server.storage.query.lists import TimeList
from holdfastdb_server.storage.query.payloads import payload_names
from holdfastdb_server.storage.query.resources import Resource
from holdfastdb_server.storage.runs import summaries
from holdfastdb_server.storage.runs.rows import (
    changing_values,
    fixed_values,
    head_size,
    run_conditions,
    run_of,
)
from holdfastdb_server.storage.schema import runs
from holdfastdb_server.storage.write_path.owned import lock_owned
from holdfastdb_server.storage.write_path.transaction import Transaction
from holdfastdb_server.storage.write_path.writer import Writer


class SqlRuns:
    """Carries out the port RunStore in SQL."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
    ) -> None:
        self._database = database
        self._writer = writer
        self._resource = Resource(database.dialect, runs, RunNotFound, runs.c.start_fingerprint)
        self._conditions = run_conditions(database.dialect)
        self._list = TimeList(
            runs,
            runs.c.start_time,
            self._conditions,
            payloads=payload_names("input", "output"),
            head_size=head_size,
        )

    async def start(self, namespace: str, draft: RunDraft) -> Run:
        fingerprint = draft.fingerprint()

        async def work(transaction: Transaction) -> Run:
            session = await transaction.lock_owner(namespace, draft.session_id)
            run = _started(draft, transaction.now)
            row, is_new = await self._resource.create_or_find(
                transaction.connection,
                {
                    "namespace": namespace,
                    "session_key": None if session is None else session.key,
                    "session_id": draft.session_id or None,
                    "start_fingerprint": fingerprint,
                    **fixed_values(run),
                    **changing_values(run),
                },
            )
            if not is_new:
                return run_of(row)
            if session is not None:
                transaction.append(session, [run.event(None)])
            return run

        return await self._writer.run(work)

    async def get(self, namespace: str, run_id: str) -> Run:
        return run_of(await self._database.read(lambda c: self._resource.require(c, namespace, run_id)))

    async def list(
        self, namespace: str, where: RunFilter, page: PageRequest, *, omit_payload: bool = False
    ) -> Page[Run]:
        listed = await self._database.read(
            lambda connection: self._list.read(connection, namespace, where, page, omit_payload=omit_payload)
        )
        return Page([run_of(row) for row in listed.rows], listed.next, listed.total)

    async def update(
        self,
        namespace: str,
        run_id: str,
        change: RunChange,
        expected_version: int | None = None,
        request_id: str = "",
    ) -> Run:

        def plan(run: Run, now: datetime) -> Run:
            return change.apply(run)

        fingerprint = fingerprint_of("update run", run_id, expected_version, change)
        return await self._change(
            namespace, run_id, plan, expected_version, request_id, fingerprint, moves=change.is_running
        )

    async def finish(
        self,
        namespace: str,
        run_id: str,
        end: RunEnd,
        expected_version: int | None = None,
        request_id: str = "",
    ) -> Run:
        fingerprint = fingerprint_of("finish run", run_id, expected_version, end)
        return await self._change(
            namespace, run_id, end.apply, expected_version, request_id, fingerprint, moves=True
        )

    async def _change(
        self,
        namespace: str,
        run_id: str,
        plan: Callable[[Run, datetime], Run],
        expected_version: int | None,
        request_id: str,
        fingerprint: bytes,
        *,
        moves: bool,
    ) -> Run:
        """Lock the run, and write the columns that differ in what `plan` returns, with a new version.

        Only if `moves` may it change the status: then the session is locked too, and before.
        """
        request = RequestName(namespace, request_id)

        async def work(transaction: Transaction) -> Run:
            connection = transaction.connection
            if moves:
                row, session = await lock_owned(transaction, self._resource, namespace, run_id)
            else:
                row = await self._resource.require(connection, namespace, run_id, for_update=True)
                session = None
            before = run_of(row)
            if await transaction.requests.reserve(request, fingerprint) is not None:
                return before
            transaction.requests.complete(request, replies.DONE)
            self._resource.check_version(row, expected_version)
            after = plan(before, transaction.now)
            if after == before:
                return before
            after = replace(after, version=before.version + 1, update_time=transaction.now)
            old = changing_values(before)
            changed = {name: value for name, value in changing_values(after).items() if value != old[name]}
            await connection.execute(runs.update().where(runs.c.key == row.key).values(changed))
            if session is not None and after.status is not before.status:
                transaction.append(session, [after.event(before.status)])
            return after

        return await self._writer.run(work)

    async def summarize(
        self,
        namespace: str,
        where: RunFilter,
        groups: Sequence[RunGrouping],
        bucket_seconds: int = 0,
    ) -> Sequence[RunSummary]:
        matching = [
            runs.c.namespace == NAMESPACE,
            *self._conditions.build(self._conditions.shape(where)),
        ]
        query = summaries.query(self._database.dialect, matching, groups, bucket_seconds)
        params = {"namespace": namespace, **self._conditions.params(where)}
        return summaries.read(await self._database.read(lambda c: c.execute(query, params)))


def _started(draft: RunDraft, now: datetime) -> Run:
    return Run(
        run_id=draft.run_id,
        session_id=draft.session_id,
        parent_run_id=draft.parent_run_id,
        task_id=draft.task_id,
        agent_id=draft.agent_id,
        kind=draft.kind,
        trace_id=draft.trace_id,
        input=draft.input,
        status=RunStatus.STARTED,
        results=draft.results,
        version=1,
        start_time=draft.start_time or now,
        end_time=None,
        create_time=now,
        update_time=now,
    )
