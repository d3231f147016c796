"""Group commit: the write path of AppendEvents and SaveState.

Concurrent requests travel in one transaction: one commit for many callers. What can be written in one
statement goes first (see SingleStatementWriter). Of the others, a request that fails its own check gets its
own error; a transaction that fails as a whole is tried again request by request, so that only the culprit
fails.
"""

from __future__ import annotations

from asyncio import Future
from collections import Counter
from collections.abc import Sequence
from typing import Any

from holdfastdb_server.domain.errors import DatabaseUnavailable, HoldfastError
from holdfastdb_server.domain.events import AppendResult
from holdfastdb_server.domain.states import State
from holdfastdb_server.storage.observer import StorageObserver
from holdfastdb_server.storage.write_path import rows
from holdfastdb_server.storage.write_path.entries import Append, Entry, Save, SingleStatementWriter
from holdfastdb_server.storage.write_path.request_batcher import RequestBatcher, Waiting
from holdfastdb_server.storage.write_path.transaction import Conflict, Transaction
from holdfastdb_server.storage.write_path.writer import Writer

# Two: one batch is planned while the other's commit is on its way to the disk.
_PARALLEL = 2


class GroupCommit:
    """Gathers appends and saves, and writes them."""

    def __init__(
        self,
        writer: Writer,
        single_statement_writers: Sequence[SingleStatementWriter],
        observer: StorageObserver,
        max_waiting: int,
    ) -> None:
        self._writer = writer
        self._single_statement_writers = single_statement_writers
        self._observer = observer
        self._gatherer: RequestBatcher[Entry, Any] = RequestBatcher(
            "group_commit", self._run, observer, parallel=_PARALLEL, max_waiting=max_waiting
        )

    def append(self, entry: Append) -> Future[AppendResult]:
        """Append durably; see EventStore.append."""
        return self._gatherer.ask(entry, sum([rows.body_size(event.body) for event in entry.events]))

    def save(self, entry: Save) -> Future[list[State]]:
        """Save durably; see StateStore.save."""
        return self._gatherer.ask(entry, sum([write.payload.size for write in entry.writes]))

    async def close(self) -> None:
        """Wait for the batches under way."""
        await self._gatherer.close()

    async def _run(self, waiting: Sequence[Waiting[Entry, Any]]) -> None:
        for writer in self._single_statement_writers:
            await self._run_single_statement(
                writer, [one for one in waiting if isinstance(one.request, writer.entry)]
            )
        if left := [one for one in waiting if not one.answer.done()]:
            await self._run_planned(left)
            for kind, count in Counter(one.request.kind for one in left).items():
                self._observer.writes_finished(kind, "planned", count)

    async def _run_single_statement(
        self, writer: SingleStatementWriter, waiting: Sequence[Waiting[Entry, Any]]
    ) -> None:
        """Answer what one statement can carry out."""
        if not waiting:
            return
        answers = await writer.write([one.request for one in waiting])
        written = 0
        for one, answer in zip(waiting, answers, strict=True):
            if answer is not None:
                one.succeed(answer)
                written += 1
        if written:
            self._observer.writes_finished(writer.entry.kind, "single_statement", written)

    async def _run_planned(self, waiting: Sequence[Waiting[Entry, Any]]) -> None:
        try:
            outcomes = await self._commit([one.request for one in waiting])
        except DatabaseUnavailable:
            raise
        except Exception:
            if len(waiting) == 1:
                raise
            for one in waiting:
                try:
                    await self._run_planned([one])
                except Exception as error:  # noqa: BLE001  # it is handed to the caller
                    one.fail(error)
            return
        for one, outcome in zip(waiting, outcomes, strict=True):
            if isinstance(outcome, HoldfastError):
                one.fail(outcome)
            else:
                one.succeed(outcome)

    async def _commit(self, entries: Sequence[Entry]) -> list[Any]:
        """Carry out the entries in one transaction; return an answer or an error for each."""
        try:
            return await self._writer.run(
                lambda transaction: self._apply(transaction, entries, careful=False)
            )
        except Conflict:
            return await self._writer.run(lambda transaction: self._apply(transaction, entries, careful=True))

    async def _apply(self, transaction: Transaction, entries: Sequence[Entry], *, careful: bool) -> list[Any]:
        """Plan and write the entries. Most ids are new: they are looked up only when `careful`, or when
        their request would fail, and the insert tells if one was there after all.
        """
        await transaction.lock([(entry.namespace, entry.session_id) for entry in entries])
        await self._look_up_heads(transaction, entries)
        if careful:
            await self._look_up_ids(transaction, entries)
        outcomes = [_plan(entry, transaction) for entry in entries]
        if not careful:
            doubtful = [
                index
                for index, (entry, outcome) in enumerate(zip(entries, outcomes, strict=True))
                if isinstance(outcome, HoldfastError) and entry.is_repeatable
            ]
            if doubtful:
                await self._look_up_ids(transaction, [entries[index] for index in doubtful])
                for index in doubtful:
                    outcomes[index] = _plan(entries[index], transaction)
        await transaction.write()
        return outcomes

    async def _look_up_heads(self, transaction: Transaction, entries: Sequence[Entry]) -> None:
        await transaction.look_up_heads(
            [
                (session, write.key)
                for entry in entries
                if isinstance(entry, Save)
                and (session := transaction.find(entry.namespace, entry.session_id))
                for write in entry.writes
            ]
        )

    async def _look_up_ids(self, transaction: Transaction, entries: Sequence[Entry]) -> None:
        events, requests = [], []
        for entry in entries:
            session = transaction.find(entry.namespace, entry.session_id)
            if session is None:
                continue
            if isinstance(entry, Append):
                events += [(session, event.event_id) for event in entry.events if event.event_id]
            elif isinstance(entry, Save) and entry.request_id:
                requests.append((session, entry.request_id))
        await transaction.look_up_events(events)
        await transaction.look_up_requests(requests)


def _plan(entry: Entry, transaction: Transaction) -> Any:
    try:
        return entry.plan(transaction)
    except HoldfastError as error:
        return error
