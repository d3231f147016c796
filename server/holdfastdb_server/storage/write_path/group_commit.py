"""Group commit: the write path of AppendEvents and SaveState.

Concurrent writes share one transaction, so that one commit, with its wait for the disk, serves many callers.
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
from holdfastdb_server.storage.write_path.request_batcher import PendingRequest, RequestBatcher
from holdfastdb_server.storage.write_path.transaction import Transaction
from holdfastdb_server.storage.write_path.writer import Writer

# Two: one batch is planned while the commit of the other waits for the disk.
_PARALLEL = 2


class GroupCommit:
    """Batches concurrent appends and saves (see RequestBatcher), and writes each batch in two steps.

    1. Where the engine has single-statement writers, all appends of the batch are one statement, and all
       saves another one. A writer leaves what it cannot carry out, see SingleStatementWriter.
    2. The rest is planned in one transaction: lock the sessions, read what the writes depend on, plan them in
       the order in which they came, insert and update, commit.

    A write that fails its own check gets its own error, and the others are committed. If the transaction as a
    whole fails, nothing of it is written, and each write is tried again in a transaction of its own, so that
    only that which caused the error fails. If the database is unavailable, all writes of the batch fail.
    """

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
        self._batcher: RequestBatcher[Entry, Any] = RequestBatcher(
            "group_commit", self._run, observer, parallel=_PARALLEL, max_waiting=max_waiting
        )

    def append(self, entry: Append) -> Future[AppendResult]:
        """Append durably; see EventStore.append."""
        return self._batcher.submit(entry, sum([rows.body_size(event.body) for event in entry.events]))

    def save(self, entry: Save) -> Future[list[State]]:
        """Save durably; see StateStore.save."""
        return self._batcher.submit(entry, sum([write.payload.size for write in entry.writes]))

    async def close(self) -> None:
        """Wait for the batches under way."""
        await self._batcher.close()

    async def _run(self, batch: Sequence[PendingRequest[Entry, Any]]) -> None:
        for writer in self._single_statement_writers:
            await self._run_single_statement(
                writer, [pending for pending in batch if isinstance(pending.request, writer.entry)]
            )
        if rest := [pending for pending in batch if not pending.answer.done()]:
            await self._run_planned(rest)
            for kind, count in Counter(pending.request.kind for pending in rest).items():
                self._observer.writes_finished(kind, "planned", count)

    async def _run_single_statement(
        self, writer: SingleStatementWriter, batch: Sequence[PendingRequest[Entry, Any]]
    ) -> None:
        """Answer what one statement can carry out."""
        if not batch:
            return
        answers = await writer.write([pending.request for pending in batch])
        written = 0
        for pending, answer in zip(batch, answers, strict=True):
            if answer is not None:
                pending.succeed(answer)
                written += 1
        if written:
            self._observer.writes_finished(writer.entry.kind, "single_statement", written)

    async def _run_planned(self, batch: Sequence[PendingRequest[Entry, Any]]) -> None:
        try:
            outcomes = await self._commit([pending.request for pending in batch])
        except DatabaseUnavailable:
            raise
        except Exception:
            if len(batch) == 1:
                raise
            for pending in batch:
                try:
                    await self._run_planned([pending])
                except Exception as error:  # noqa: BLE001  # it is handed to the caller
                    pending.fail(error)
            return
        for pending, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, HoldfastError):
                pending.fail(outcome)
            else:
                pending.succeed(outcome)

    async def _commit(self, entries: Sequence[Entry]) -> list[Any]:
        """Carry out the entries in one transaction; return an answer or an error for each."""
        is_first = True

        async def work(transaction: Transaction) -> list[Any]:
            nonlocal is_first
            read_all_ids, is_first = not is_first, False
            return await self._apply(transaction, entries, read_all_ids=read_all_ids)

        return await self._writer.run(work)

    async def _apply(
        self, transaction: Transaction, entries: Sequence[Entry], *, read_all_ids: bool
    ) -> list[Any]:
        """Plan the entries; return an answer or an error for each.

        Most event and request ids are new, so to read them would be for nothing. Without `read_all_ids` only
        those of entries that fail are read, which may be retries; an insertion that finds another id raises
        Conflict, and the writer runs this again.
        """
        await transaction.lock([(entry.namespace, entry.session_id) for entry in entries])
        await self._look_up_heads(transaction, entries)
        if read_all_ids:
            await self._look_up_ids(transaction, entries)
        outcomes = [_plan(entry, transaction) for entry in entries]
        if not read_all_ids:
            possible_retries = [
                index
                for index, (entry, outcome) in enumerate(zip(entries, outcomes, strict=True))
                if isinstance(outcome, HoldfastError) and entry.is_repeatable
            ]
            if possible_retries:
                await self._look_up_ids(transaction, [entries[index] for index in possible_retries])
                for index in possible_retries:
                    outcomes[index] = _plan(entries[index], transaction)
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
            elif isinstance(entry, Save):
                requests.append(session.request(entry.request_id))
        await transaction.look_up_events(events)
        await transaction.requests.look_up(requests)


def _plan(entry: Entry, transaction: Transaction) -> Any:
    try:
        return entry.plan(transaction)
    except HoldfastError as error:
        return error
