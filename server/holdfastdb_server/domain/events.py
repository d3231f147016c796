"""Events: the append-only history of a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import IntEnum, StrEnum

from msgspec import Struct, field
from msgspec.structs import replace

from holdfastdb_server.domain import limits
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.ids import check_kinds, check_optional_ids
from holdfastdb_server.domain.messages import Message, Step, check_message, check_step
from holdfastdb_server.domain.values import (
    Payload,
    check_count_between,
    check_labels,
    check_not_negative,
    check_payload,
    check_unique,
    dump_json,
)

RESERVED_PREFIX = "holdfast."
"""Types with this prefix are reserved: only the server appends such events, and no call removes them."""


class EventKind(IntEnum):
    """The kinds of body that an event can have. The numbers are stored."""

    EMPTY = 0
    MESSAGE = 1
    STEP = 2
    PAYLOAD = 3


Body = Message | Step | Payload | None


class Event(Struct, frozen=True):
    """An event, stored or to be appended (`sequence` 0). Times are aware, in UTC.

    An event to be appended without an id gets a new one, so storage need not look it up in the history.
    """

    event_id: str
    type: str
    actor: str = ""
    run_id: str = ""
    task_id: str = ""
    body: Body = None
    labels: Mapping[str, str] = field(default_factory=dict)
    trace_id: str = ""
    event_time: datetime | None = None
    session_id: str = ""
    sequence: int = 0
    create_time: datetime | None = None

    @property
    def kind(self) -> EventKind:
        """The kind of its body."""
        return _KINDS[type(self.body)]

    def checked(self, path: str) -> Event:
        """Return the event, checked, with the default type if it has none. Raises InvalidField."""
        ids = self.event_id + self.type + self.actor + self.run_id + self.task_id + self.trace_id
        if len(ids) > limits.ID_LENGTH or not ids.isprintable():
            names = ("event_id", "type", "actor", "run_id", "task_id", "trace_id")
            check_optional_ids(f"{path}.", self, names)
        if self.type.startswith(RESERVED_PREFIX):
            raise InvalidField(f"{path}.type", f"'{RESERVED_PREFIX}…' types are reserved for the server")
        _check_body(path, self.body)
        if self.labels:
            check_labels(f"{path}.labels", self.labels)
        return self if self.type else replace(self, type=_DEFAULT_TYPES[self.kind])

    def says_the_same(self, sent: Event) -> bool:
        """Whether `sent` has the content of this stored event. An absent `event_time` matches any time."""
        return sent == replace(
            self,
            session_id=sent.session_id,
            sequence=sent.sequence,
            create_time=sent.create_time,
            event_time=self.event_time if sent.event_time else None,
        )


class EventReceipt(Struct, frozen=True):
    """The id, sequence and time of an appended event."""

    event_id: str
    sequence: int
    create_time: datetime


class AppendResult(Struct, frozen=True):
    """The receipts, in the order of the request, and the session's last sequence after the append."""

    receipts: Sequence[EventReceipt]
    last_sequence: int


class Replacement(Struct, frozen=True):
    """Which events to remove, and which to append then. With neither bound all are removed."""

    after_sequence: int | None = None
    newest: int | None = None
    kinds: frozenset[EventKind] = frozenset()
    events: Sequence[Event] = ()

    def checked(self) -> Replacement:
        """Return the replacement, checked and normalized, its events with types. Raises InvalidField."""
        if self.after_sequence is not None:
            check_not_negative("after_sequence", self.after_sequence)
        if self.newest is not None and self.newest < 1:
            raise InvalidField("newest", f"is {self.newest}; it must be at least 1")
        return replace(self, events=check_events(self.events, at_least=0))


class ReplaceResult(Struct, frozen=True):
    """The number of removed events, the receipts of the appended ones, and the last sequence after them."""

    removed_count: int
    receipts: Sequence[EventReceipt]
    last_sequence: int


class EventFilter(Struct, frozen=True):
    """A condition on events: everything that is given must match. A type that ends with `.*` is a prefix."""

    types: Sequence[str] = ()
    kinds: frozenset[EventKind] = frozenset()
    actor: str = ""
    run_id: str = ""
    task_id: str = ""
    trace_id: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    happened_from: datetime | None = None
    happened_until: datetime | None = None

    def checked(self) -> EventFilter:
        """Return the filter, checked and normalized. Raises InvalidField."""
        check_kinds("filter.types", self.types)
        check_optional_ids("filter.", self, ("actor", "run_id", "task_id", "trace_id"))
        check_labels("filter.labels", self.labels)
        return self


class CaughtUp(Struct, frozen=True):
    """A tail has delivered the events that were committed before it began."""

    last_sequence: int


class EventGrouping(StrEnum):
    """What events are grouped by."""

    TYPE = "type"
    ACTOR = "actor"
    TIME = "time"


class EventSummary(Struct, frozen=True):
    """A group of events and their number; fields that they were not grouped by are empty."""

    count: int
    first_event_time: datetime
    last_event_time: datetime
    type: str = ""
    actor: str = ""
    bucket_time: datetime | None = None


def check_events(events: Sequence[Event], at_least: int = 1) -> list[Event]:
    """Return the events of one request, checked. Raises InvalidField."""
    check_count_between("events", len(events), at_least, limits.EVENTS_PER_REQUEST)
    checked = [event.checked(f"events[{index}]") for index, event in enumerate(events)]
    names = [event.event_id for event in checked]
    check_unique(names, lambda index: f"events[{index}].event_id", "request")
    return checked


def server_event(name: str, actor: str = "", **details: object) -> Event:
    """Return an event of a reserved type, such as `holdfast.session.active`."""
    return Event(
        event_id="",
        type=RESERVED_PREFIX + name,
        actor=actor,
        body=Payload(json=dump_json(details)),
    )


def status_event(noun: str, before: StrEnum | None, now: StrEnum, actor: str, **details: object) -> Event:
    """Return the event `holdfast.<noun>.<status>` of a change of status. `before` is None for the first."""
    moved = {"to": now.name} if before is None else {"from": before.name, "to": now.name}
    return server_event(f"{noun}.{now}", actor, **moved, **details)


_KINDS = {
    type(None): EventKind.EMPTY,
    Message: EventKind.MESSAGE,
    Step: EventKind.STEP,
    Payload: EventKind.PAYLOAD,
}
_DEFAULT_TYPES = {
    EventKind.EMPTY: "event",
    EventKind.MESSAGE: "message",
    EventKind.STEP: "step",
    EventKind.PAYLOAD: "event",
}


def _check_body(path: str, body: Body) -> None:
    match body:
        case Payload():
            check_payload(f"{path}.payload", body)
        case Message():
            check_message(f"{path}.message", body)
        case Step():
            check_step(f"{path}.step", body)
