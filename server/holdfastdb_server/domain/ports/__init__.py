"""The storage port: what every engine must do, sentence by sentence.

Each sentence has a test in `tests/conformance/`, which runs unchanged on every engine. All methods
may raise DatabaseUnavailable, and SchemaMismatch while the schema is not ours; a method that raises has
changed nothing. Values come in checked (see the nouns' `checked`) and in one namespace; what is in
another one does not exist.

A `request_id` that is not empty makes a write repeatable: repeating it with the same request changes
nothing and returns the first result, or, where that is a whole resource such as a session, the resource as
it is now. With another request it raises RequestIdTaken.
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
    """All nouns of one database."""

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
        """Runs and how well they do."""
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
        """Memories, and the search for them."""
        ...

    @property
    def documents(self) -> DocumentStore:
        """Documents and their collections."""
        ...

    @property
    def janitor(self) -> Janitor:
        """What clears up."""
        ...

    @property
    def is_available(self) -> bool:
        """Whether the database could be reached, with our schema, when last looked at."""
        ...

    async def drain_tails(self) -> None:
        """End every tail with ServerDraining, and refuse new ones."""
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
