"""The journal: the write path of AppendEvents and SaveState.

Concurrent requests are gathered into one transaction: one commit for many callers. A request that fails
its own check gets its own error; a transaction that fails as a whole is tried again request by request,
so that only the culprit fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from holdfast_server.domain.errors import DatabaseUnavailable, HoldfastError
from holdfast_server.domain.events import Appended, Event
from holdfast_server.domain.sessions import fingerprint
from holdfast_server.domain.states import State, StateWrite
from holdfast_server.storage import results, rows
from holdfast_server.storage.batch import Batch, Conflict
from holdfast_server.storage.gather import Gatherer, Waiting
from holdfast_server.storage.observer import StorageObserver
from holdfast_server.storage.writer import Writer

# Two: one batch is planned while the other's commit is on its way to the disk.
_PARALLEL = 2


class Entry(Protocol):
    """A request to the journal."""

    @property
    def namespace(self) -> str:
        """The namespace of its session."""
        ...

    @property
    def session_id(self) -> str:
        """Its session."""
        ...

    @property
    def is_repeatable(self) -> bool:
        """Whether it carries ids by which an earlier one may be found."""
        ...

    def plan(self, batch: Batch) -> Any:
        """Plan it and return its answer. Raises its own error, and then has planned nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Append:
    """Append events to a session."""

    namespace: str
    session_id: str
    events: Sequence[Event]
    expected_last_sequence: int | None

    @property
    def is_repeatable(self) -> bool:
        """See Entry."""
        return any(event.event_id for event in self.events)

    def plan(self, batch: Batch) -> Appended:
        """See Entry."""
        session = batch.session(self.namespace, self.session_id)
        return batch.append(session, self.events, self.expected_last_sequence)


@dataclass(frozen=True, slots=True)
class Save:
    """Save states of a session."""

    namespace: str
    session_id: str
    writes: Sequence[StateWrite]
    request_id: str

    @property
    def is_repeatable(self) -> bool:
        """See Entry."""
        return bool(self.request_id)

    def plan(self, batch: Batch) -> list[State]:
        """See Entry."""
        session = batch.session(self.namespace, self.session_id)
        mark = fingerprint("save", [write.content() for write in self.writes]) if self.request_id else b""
        if (known := batch.recall(session, self.request_id, mark)) is not None:
            return rows.saved_states(self.writes, *results.read_save(known))
        versions = batch.save(session, self.writes)
        saved = (versions, session.last_sequence, batch.now)
        batch.remember(session, self.request_id, mark, results.write_save(*saved))
        return rows.saved_states(self.writes, *saved)


class Journal:
    """Gathers appends and saves, and writes them."""

    def __init__(
        self,
        writer: Writer,
        observer: StorageObserver,
        max_waiting: int,
    ) -> None:
        self._writer = writer
        self._gatherer: Gatherer[Entry, Any] = Gatherer(
            "journal", self._run, observer, parallel=_PARALLEL, max_waiting=max_waiting
        )

    async def append(self, entry: Append) -> Appended:
        """Append durably; see EventStore.append."""
        weight = sum(rows.body_size(event.body) for event in entry.events)
        appended: Appended = await self._gatherer.ask(entry, weight)
        return appended

    async def save(self, entry: Save) -> list[State]:
        """Save durably; see StateStore.save."""
        states: list[State] = await self._gatherer.ask(entry, sum(w.payload.size for w in entry.writes))
        return states

    async def close(self) -> None:
        """Wait for the batches under way."""
        await self._gatherer.close()

    async def _run(self, waiting: Sequence[Waiting[Entry, Any]]) -> None:
        try:
            outcomes = await self._commit([one.request for one in waiting])
        except DatabaseUnavailable:
            raise
        except Exception:
            if len(waiting) == 1:
                raise
            for one in waiting:
                try:
                    await self._run([one])
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
            return await self._writer.run(lambda batch: self._apply(batch, entries, careful=False))
        except Conflict:
            return await self._writer.run(lambda batch: self._apply(batch, entries, careful=True))

    async def _apply(self, batch: Batch, entries: Sequence[Entry], *, careful: bool) -> list[Any]:
        """Plan and write the entries. Most ids are new: they are looked up only when `careful`, or when
        their request would fail, and the insert tells if one was there after all.
        """
        await batch.lock([(entry.namespace, entry.session_id) for entry in entries])
        await self._look_up_heads(batch, entries)
        if careful:
            await self._look_up_ids(batch, entries)
        outcomes = [_plan(entry, batch) for entry in entries]
        if not careful:
            doubtful = [
                index
                for index, (entry, outcome) in enumerate(zip(entries, outcomes, strict=True))
                if isinstance(outcome, HoldfastError) and entry.is_repeatable
            ]
            if doubtful:
                await self._look_up_ids(batch, [entries[index] for index in doubtful])
                for index in doubtful:
                    outcomes[index] = _plan(entries[index], batch)
        await batch.write()
        return outcomes

    async def _look_up_heads(self, batch: Batch, entries: Sequence[Entry]) -> None:
        await batch.look_up_heads(
            [
                (session, write.key)
                for entry in entries
                if isinstance(entry, Save) and (session := batch.find(entry.namespace, entry.session_id))
                for write in entry.writes
            ]
        )

    async def _look_up_ids(self, batch: Batch, entries: Sequence[Entry]) -> None:
        events, requests = [], []
        for entry in entries:
            session = batch.find(entry.namespace, entry.session_id)
            if session is None:
                continue
            if isinstance(entry, Append):
                events += [(session, event.event_id) for event in entry.events if event.event_id]
            elif isinstance(entry, Save) and entry.request_id:
                requests.append((session, entry.request_id))
        await batch.look_up_events(events)
        await batch.look_up_requests(requests)


def _plan(entry: Entry, batch: Batch) -> Any:
    try:
        return entry.plan(batch)
    except HoldfastError as error:
        return error
