"""Sessions, states and events for tests to store, and lists read to the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from holdfastdb_server.domain.events import Event, EventFilter
from holdfastdb_server.domain.messages import Message, Text
from holdfastdb_server.domain.paging import Cursor, Page, PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import Session, SessionDraft, SessionFields, SessionStatus, Transition
from holdfastdb_server.domain.states import StateWrite
from holdfastdb_server.domain.values import Payload

T = TypeVar("T")
NAMESPACE = "tenant"
EVERYTHING = EventFilter()

PATHS: dict[SessionStatus, tuple[SessionStatus, ...]] = {
    SessionStatus.PENDING: (),
    SessionStatus.ACTIVE: (SessionStatus.ACTIVE,),
    SessionStatus.COMPLETED: (SessionStatus.ACTIVE, SessionStatus.COMPLETED),
    SessionStatus.FAILED: (SessionStatus.ACTIVE, SessionStatus.FAILED),
    SessionStatus.EXPIRED: (SessionStatus.EXPIRED,),
}
"""By which moves a new session gets to a status."""


def draft(session_id: str = "s", *, parent: str = "", **fields: Any) -> SessionDraft:
    """Return a checked draft. `fields` are those of SessionFields."""
    return SessionDraft(session_id, parent, SessionFields(**fields)).checked()


async def create(
    store: Store, session_id: str = "s", *, namespace: str = NAMESPACE, parent: str = "", **fields: Any
) -> Session:
    """Create a session."""
    return await store.sessions.create(namespace, draft(session_id, parent=parent, **fields))


async def move(store: Store, session_id: str, status: SessionStatus, namespace: str = NAMESPACE) -> Session:
    """Move a new session to a status, by the way that leads there."""
    session = await store.sessions.get(namespace, session_id)
    for step in PATHS[status]:
        session = await store.sessions.transition(namespace, session_id, Transition(step))
    return session


def note(event_id: str = "", text: str = "", **fields: Any) -> Event:
    """Return an event of type `note`. `fields` are those of Event."""
    values: dict[str, Any] = {"type": "note", "body": Payload(json=f'"{text}"') if text else None}
    return Event(event_id, **(values | fields)).checked("event")


def notes(count: int, prefix: str = "e") -> list[Event]:
    """Return events with the ids e1, e2, ..."""
    return [note(f"{prefix}{number}") for number in range(1, count + 1)]


def message(text: str, role: str = "user", event_id: str = "") -> Event:
    """Return a message of one text."""
    return Event(event_id, "", body=Message(role, (Text(text),))).checked("event")


async def append(
    store: Store,
    *events: Event,
    session_id: str = "s",
    namespace: str = NAMESPACE,
    expected: int | None = None,
) -> list[int]:
    """Append events and return their sequences."""
    appended = await store.events.append(namespace, session_id, list(events), expected)
    return [receipt.sequence for receipt in appended.receipts]


async def history(
    store: Store, session_id: str = "s", namespace: str = NAMESPACE, where: EventFilter = EVERYTHING
) -> list[Event]:
    """Return all events of a session."""
    return await read_all(lambda page: store.events.list(namespace, session_id, where, page), size=1_000)


def write(key: str = "k", json: str = "{}", *, expected: int | None = None, **fields: Any) -> StateWrite:
    """Return a checked write of JSON. `fields` are those of StateWrite."""
    payload = fields.pop("payload", Payload(json=json))
    return StateWrite(key, payload, expected_version=expected, **fields).checked("write")


async def save(
    store: Store,
    *writes: StateWrite,
    session_id: str = "s",
    namespace: str = NAMESPACE,
    request_id: str = "",
) -> list[int]:
    """Save states and return their versions."""
    saved = await store.states.save(namespace, session_id, list(writes), request_id)
    return [state.version for state in saved]


async def load_json(store: Store, key: str = "k", version: int | None = None, session_id: str = "s") -> str:
    """Return the JSON text of a state."""
    state = await store.states.load(NAMESPACE, session_id, key, version)
    assert state.payload is not None
    assert state.payload.json is not None
    return state.payload.json


Fetch = Callable[[PageRequest], Awaitable[Page[T]]]


async def pages(fetch: Fetch[T], size: int, *, descending: bool = False) -> AsyncIterator[Page[T]]:
    """Yield the pages of a list. Fails when paging does not come to an end."""
    after: Cursor | None = None
    for _ in range(10_000):
        page = await fetch(PageRequest(size, after, descending))
        yield page
        after = page.next
        if after is None:
            return
    raise AssertionError("the list has no end")


async def read_all(fetch: Fetch[T], size: int, *, descending: bool = False) -> list[T]:
    """Return the items of all pages."""
    return [item async for page in pages(fetch, size, descending=descending) for item in page.items]
