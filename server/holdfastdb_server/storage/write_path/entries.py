"""The writes that group commit carries out: appends and saves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from msgspec import Struct

from holdfastdb_server.domain.events import AppendResult, Event
from holdfastdb_server.domain.fingerprint import fingerprint_of
from holdfastdb_server.domain.states import State, StateWrite
from holdfastdb_server.storage.idempotency import replies
from holdfastdb_server.storage.observer import WriteKind
from holdfastdb_server.storage.write_path import rows
from holdfastdb_server.storage.write_path.transaction import Transaction


class Entry(Protocol):
    """One caller's write."""

    kind: ClassVar[WriteKind]

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
        """Whether it carries ids by which an earlier attempt of the same write is recognized."""
        ...

    def plan(self, transaction: Transaction) -> Any:
        """Plan it in a transaction that has locked its session; return its answer.

        Raises its own error, and then has planned nothing.
        """
        ...


class SingleStatementWriter(Protocol):
    """Writes many entries of one kind in one statement."""

    @property
    def entry(self) -> type[Any]:
        """The kind: a class of entries."""
        ...

    async def write(self, requests: Sequence[Any]) -> list[Any]:
        """Write and commit what one statement can carry out; return the answers that `plan` would give.

        None for each of the others, of which nothing is written: they are to be planned.
        """
        ...


class Append(Struct, frozen=True):
    """Append events to a session."""

    kind: ClassVar[WriteKind] = "append"

    namespace: str
    session_id: str
    events: Sequence[Event]
    expected_last_sequence: int | None

    @property
    def is_repeatable(self) -> bool:
        return any(event.event_id for event in self.events)

    def plan(self, transaction: Transaction) -> AppendResult:
        session = transaction.session(self.namespace, self.session_id)
        return transaction.append(session, self.events, self.expected_last_sequence)


class Save(Struct, frozen=True):
    """Save states of a session."""

    kind: ClassVar[WriteKind] = "save"

    namespace: str
    session_id: str
    writes: Sequence[StateWrite]
    request_id: str

    @property
    def is_repeatable(self) -> bool:
        return bool(self.request_id)

    def fingerprint(self) -> bytes:
        """Return the fingerprint of its content: a request id that comes again must have the same."""
        return fingerprint_of("save states", self.writes)

    def plan(self, transaction: Transaction) -> list[State]:
        session = transaction.session(self.namespace, self.session_id)
        request = session.request(self.request_id)
        fingerprint = self.fingerprint() if self.request_id else b""
        if (known := transaction.requests.reserve_known(request, fingerprint)) is not None:
            return rows.saved_states(self.writes, *replies.read_save(known))
        versions = transaction.save(session, self.writes)
        saved = (versions, session.last_sequence, transaction.now)
        transaction.requests.complete(request, replies.write_save(*saved))
        return rows.saved_states(self.writes, *saved)
