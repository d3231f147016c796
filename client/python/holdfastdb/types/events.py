"""Events and their bodies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias, TypedDict, Unpack

from holdfastdb._arguments import of_wrong_type, require_list
from holdfastdb._ids import new_id
from holdfastdb.errors import InvalidArgument
from holdfastdb.types._encoding import encode_json, encode_payload
from holdfastdb.types.payloads import Data, Json


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text in a message."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool. `id` connects the call with its response; `arguments` is the text that the
    model wrote, usually JSON, kept and not checked."""

    name: str
    arguments: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class ToolCallResponse:
    """What the tool answered, as it wrote it. `id` is the call's."""

    response: str
    id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Blob:
    """Binary content, such as `Blob(png, "image/png", modality="image")`."""

    data: bytes
    media_type: str = ""
    modality: str = ""


@dataclass(frozen=True, slots=True)
class OtherPart:
    """A part of another kind: one JSON text, kept as it is."""

    json_text: str


Part: TypeAlias = Text | ToolCall | ToolCallResponse | Blob | OtherPart
"""A part of a message."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: str
    """Such as `system`, `user`, `assistant` or `tool`."""
    parts: tuple[Part, ...] = ()
    name: str = ""
    """The participant's name, if it has one."""
    finish_reason: str = ""
    """Why the model stopped, such as `stop` or `tool_calls`."""
    extra_json: str = ""
    """Whatever else the message carries: one JSON object, kept as it is, or empty."""

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))


@dataclass(frozen=True, slots=True)
class Step:
    """One iteration of a reasoning loop: thought, action, observation."""

    thought: str = ""
    action: str = ""
    observation: str = ""
    step_id: str = ""
    """The caller's name for the step."""


class EventKind(StrEnum):
    """Which kind of body an event has."""

    MESSAGE = "message"
    STEP = "step"
    PAYLOAD = "payload"
    EMPTY = "empty"
    """No body."""


@dataclass(frozen=True, slots=True)
class Unsendable:
    """The body of an event that was made of a value that cannot be sent, such as NaN.

    To make an event never fails on account of its content. It is the append of such an event that raises
    InvalidArgument, and a Recorder drops it.
    """

    kind: EventKind
    """The kind of body that it would have been."""
    field: str
    """Which part of which argument cannot be sent: `value.temperature`."""
    description: str
    """Why not."""


Body: TypeAlias = Message | Step | Json | Data | Unsendable
"""What an event carries."""


class EventFields(TypedDict, total=False):
    """What any event may carry; see `Event` for the meanings."""

    event_id: str
    actor: str
    run_id: str
    task_id: str
    labels: Mapping[str, str]
    trace_id: str
    event_time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened.

    Make one with a constructor that says what it is:

        Event.message("user", "What is the weather?")
        Event.step(thought="I need the forecast", action="get_weather(Paris)", observation="18 °C")
        Event.of("tool.finished", {"tool": "get_weather", "seconds": 0.4}, actor="weather-agent")

    An event gets its `event_id` when it is made, so that appending the same object again, after an error that
    left its fate open, never doubles it. For something that happened twice, make two events.
    """

    type: str = ""
    """What kind of event it is. Empty means `message` for a message, `step` for a step, else `event`."""
    body: Body | None = None
    actor: str = ""
    """Who did it."""
    run_id: str = ""
    task_id: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Short texts by name, to filter by."""
    trace_id: str = ""
    """The distributed trace that it belongs to."""
    event_time: datetime | None = None
    """When it happened, by the caller's clock, timezone-aware. None: the time of the append."""
    event_id: str = field(default_factory=new_id)
    """Unique in the session."""
    session_id: str = ""
    """Set by the server."""
    sequence: int = 0
    """The event's place in its session, from 1, rising. Set by the server."""
    create_time: datetime | None = None
    """When it was appended. Set by the server."""

    @classmethod
    def message(
        cls,
        role: str,
        content: str | Iterable[str | Part] = (),
        *,
        name: str = "",
        finish_reason: str = "",
        extra: Mapping[str, object] | Json | None = None,
        type: str = "",  # noqa: A002
        **fields: Unpack[EventFields],
    ) -> Event:
        """A message of a conversation: a text, or parts of which a plain string is a text.

            Event.message("assistant", ["Looking.", ToolCall("get_weather", '{"city":"Paris"}', id="call-1")])

        `extra` is whatever else the message carries, a JSON object.
        """

        def make() -> Message:
            pieces = [content] if isinstance(content, str) else require_list(content, "content")
            if extra is not None and not isinstance(extra, Json | Mapping):
                raise of_wrong_type("extra", "a mapping or a Json", extra)
            return Message(
                role=role,
                parts=tuple([Text(piece) if isinstance(piece, str) else piece for piece in pieces]),
                name=name,
                finish_reason=finish_reason,
                extra_json="" if extra is None else encode_json(extra, "extra"),
            )

        return cls(type=type, body=_tolerantly(EventKind.MESSAGE, make), **fields)

    @classmethod
    def step(
        cls,
        *,
        thought: str = "",
        action: str = "",
        observation: str = "",
        step_id: str = "",
        type: str = "",  # noqa: A002
        **fields: Unpack[EventFields],
    ) -> Event:
        """One iteration of a reasoning loop: thought, action, observation."""
        body = Step(thought=thought, action=action, observation=observation, step_id=step_id)
        return cls(type=type, body=body, **fields)

    @classmethod
    def of(cls, type: str, value: object, **fields: Unpack[EventFields]) -> Event:  # noqa: A002
        """An event of the caller's own type with a value: any JSON value, bytes, `Json` or `Data`."""
        body = _tolerantly(EventKind.PAYLOAD, lambda: encode_payload(value, "value"))
        return cls(type=type, body=body, **fields)

    @property
    def kind(self) -> EventKind:
        """Which kind of body it has."""
        match self.body:
            case None:
                return EventKind.EMPTY
            case Message():
                return EventKind.MESSAGE
            case Step():
                return EventKind.STEP
            case Json() | Data():
                return EventKind.PAYLOAD
            case Unsendable(kind):
                return kind

    @property
    def value(self) -> Any:
        """The value of an event that carries a payload: the JSON value or the bytes. Raises ValueError for
        other kinds."""
        match self.body:
            case Json() | Data() as payload:
                return payload.value
            case Unsendable(_, field, description):
                raise ValueError(f"{field} cannot be sent: {description}")
            case _:
                raise ValueError(f"an event of kind {self.kind} has no value; read its body")


def _tolerantly(kind: EventKind, make: Callable[[], Body]) -> Body:
    """The body; in place of InvalidArgument, one that is refused when it is appended."""
    try:
        return make()
    except InvalidArgument as error:
        [violation] = error.field_violations
        return Unsendable(kind, violation.field, violation.description)
