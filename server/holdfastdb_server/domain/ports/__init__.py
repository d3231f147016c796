"""The storage port: the contract that storage fulfils on every engine.

Each sentence has a test in `tests/conformance/`, which runs unchanged on every engine. Every method may
raise DatabaseUnavailable, SchemaMismatch if the database's schema has another version than the server's,
and Overloaded if too many requests wait for the database. A method that raises has changed nothing,
except that a write that raises DatabaseUnavailable may have been applied. Arguments must have passed
their `checked` method. A method reads and writes one namespace; what belongs to another one does not
exist for it.

A write with a `request_id` that is not empty may be repeated. The repeated call changes nothing and
returns the result of the first; a whole resource in it, such as a session, is returned as it is now. A
call with the same `request_id` and other arguments raises RequestIdTaken.
"""

from __future__ import annotations

from typing import Protocol

from holdfastdb_server.domain.ports.approvals import ApprovalStore
from holdfastdb_server.domain.ports.documents import DocumentStore
from holdfastdb_server.domain.ports.events import EventStore
from holdfastdb_server.domain.ports.janitor import Janitor, SweepCounts
from holdfastdb_server.domain.ports.memories import MemoryStore
from holdfastdb_server.domain.ports.plans import PlanStore
from holdfastdb_server.domain.ports.runs import RunStore
from holdfastdb_server.domain.ports.sessions import SessionStore
from holdfastdb_server.domain.ports.states import StateStore
from holdfastdb_server.domain.ports.tasks import TaskStore


class Store(Protocol):
    """The storage of one database, a property for each noun."""

    @property
    def sessions(self) -> SessionStore:
        """Sessions and their life cycle."""
        ...

    @property
    def states(self) -> StateStore:
        """The versioned states of a session."""
        ...

    @property
    def events(self) -> EventStore:
        """The history of a session."""
        ...

    @property
    def runs(self) -> RunStore:
        """Runs and statistics of them."""
        ...

    @property
    def approvals(self) -> ApprovalStore:
        """Approvals and their decisions."""
        ...

    @property
    def tasks(self) -> TaskStore:
        """Tasks and their leases."""
        ...

    @property
    def plans(self) -> PlanStore:
        """Plans and their items."""
        ...

    @property
    def memories(self) -> MemoryStore:
        """Memories and the full-text search for them."""
        ...

    @property
    def documents(self) -> DocumentStore:
        """Documents and their collections."""
        ...

    @property
    def janitor(self) -> Janitor:
        """Expiry and deletion of what is past its time."""
        ...

    @property
    def is_available(self) -> bool:
        """Whether the last check reached the database and found the schema's version to be the server's."""
        ...

    async def drain_tails(self) -> None:
        """End every open tail, and each new one, with ServerDraining."""
        ...


__all__ = [
    "ApprovalStore",
    "DocumentStore",
    "EventStore",
    "Janitor",
    "MemoryStore",
    "PlanStore",
    "RunStore",
    "SessionStore",
    "StateStore",
    "Store",
    "SweepCounts",
    "TaskStore",
]
