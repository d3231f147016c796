"""A line of a transcript file to and from a session.

The line without its messages is the session's first event, `transcript`: a JSON payload in which `"messages"`
is null. So every other field comes back exactly, with its place among the keys. The session's own fields and
metadata repeat what one may want to search by.

Event ids say the place in the line, so a line that is imported again adds nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from holdfastdb import Event, Json, Message, Session
from holdfastdb_server.cli.transcripts.exact_json import (
    BadTranscript,
    check_json_limits,
    dump_json,
    parse_json,
)
from holdfastdb_server.cli.transcripts.messages import is_id, size_of, to_message, to_openai
from holdfastdb_server.domain import limits

OUTLINE = "transcript"
_TITLE_LENGTH = 80
# A request well under what gRPC takes, unless one message alone is larger.
_CHUNK_BYTES = 1024 * 1024
_CHUNK_EVENTS = 500
_STRUCT_DEPTH = 20
_EXACT_INTEGER = 2**53


@dataclass(frozen=True, slots=True)
class Transcript:
    """A session to import."""

    session_id: str
    user_id: str
    agent_id: str
    task_id: str
    title: str
    labels: dict[str, str]
    metadata: dict[str, object]
    """What of the other fields can be searched by."""
    events: list[Event]
    """The outline, then the messages."""


def read_line(line: bytes, prefix: str) -> Transcript:
    """The session that a line describes. `prefix` begins an id that is made from other fields.

    Raises BadTranscript.
    """
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise BadTranscript(f"it is not UTF-8: byte {error.start + 1}") from None
    fields = parse_json(text)
    if not isinstance(fields, dict):
        raise BadTranscript("it is not a JSON object")
    messages = fields.get("messages")
    if not isinstance(messages, list):
        raise BadTranscript('it has no list "messages"')
    outline = dump_json({**fields, "messages": None})
    check_json_limits(outline)
    if len(outline.encode()) > limits.PAYLOAD_BYTES:
        raise BadTranscript("it has more than 3 MiB beside its messages")
    others = {key: value for key, value in fields.items() if key != "messages"}
    return Transcript(
        session_id=_session_id(others, line, prefix),
        user_id=_id_or_empty(others.get("user_id")),
        agent_id=_id_or_empty(others.get("agent_id")),
        task_id=_id_or_empty(others.get("task_id")),
        title=_title(others.get("title"), messages),
        labels=_labels(others.get("labels")),
        metadata=_metadata(others),
        events=[Event.of(OUTLINE, Json(outline), event_id=OUTLINE), *_events(messages)],
    )


def chunks(events: Sequence[Event]) -> Iterator[list[Event]]:
    """The events in pieces of a size that one request takes."""
    chunk: list[Event] = []
    size = 0
    for event in events:
        event_size = _event_size(event)
        if chunk and (len(chunk) >= _CHUNK_EVENTS or size + event_size > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(event)
        size += event_size
    if chunk:
        yield chunk


def write_line(session: Session, events: Iterable[Event]) -> tuple[str, int, int]:
    """The session as a line, without a line end; how many messages it has, and how many events it leaves out.

    An imported session becomes the line that it was. Of another one, only the messages have a place in a
    transcript. The server's own events are not counted as left out.
    """
    outline: dict[str, Any] | None = None
    messages: list[dict[str, Any]] = []
    left_out = 0
    for event in events:
        if isinstance(event.body, Message):
            messages.extend(to_openai(event.body))
        elif outline is None and (found := _outline(event)) is not None:
            outline = found
        elif not event.type.startswith("holdfast."):
            left_out += 1
    line = _describe(session) if outline is None else outline
    line["messages"] = messages
    # The separators of Python's json, which most such files have been written with.
    return json.dumps(line, ensure_ascii=False), len(messages), left_out


def plain_numbers(value: Any) -> Any:
    """Metadata with whole numbers as integers again, which travel as doubles."""
    match value:
        case dict():
            return {key: plain_numbers(member) for key, member in value.items()}
        case list():
            return [plain_numbers(item) for item in value]
        case float() if value.is_integer() and abs(value) <= _EXACT_INTEGER:
            return int(value)
        case _:
            return value


def _events(messages: list[Any]) -> Iterator[Event]:
    for number, chat in enumerate(messages, 1):
        try:
            message = to_message(chat)
        except BadTranscript as bad:
            raise BadTranscript(f"message {number}: {bad}") from None
        yield Event(body=message, actor=message.role, event_id=f"message-{number}")


def _event_size(event: Event) -> int:
    match event.body:
        case Message() as message:
            return size_of(message)
        case Json(text, _):
            return len(text)
        case _:
            return 0


def _session_id(fields: dict[str, Any], line: bytes, prefix: str) -> str:
    for key in ("session_id", "id"):
        value = fields.get(key)
        if value is not None:
            return _checked_id(_id_text(value), f'its "{key}"')
    task, trial = _id_text(fields.get("task_id")), _id_text(fields.get("trial"))
    if task and trial:
        return _checked_id(f"{prefix}-{task}-{trial}", 'the id made of its "task_id" and "trial"')
    return _checked_id(f"{prefix}-{blake2b(line.strip(), digest_size=8).hexdigest()}", "the id made for it")


def _id_text(value: object) -> str:
    is_usable = isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))
    return str(value) if is_usable else ""


def _checked_id(text: str, what: str) -> str:
    if not is_id(text):
        raise BadTranscript(
            f"{what} cannot be a session's id: 1 to 255 characters, none of them control characters"
        )
    return text


def _id_or_empty(value: object) -> str:
    return value if isinstance(value, str) and is_id(value) else ""


def _title(title: object, messages: list[Any]) -> str:
    """The line's own title, or how the user began."""
    texts = [title] if isinstance(title, str) else []
    texts += [
        chat["content"]
        for chat in messages
        if isinstance(chat, dict) and chat.get("role") == "user" and isinstance(chat.get("content"), str)
    ]
    words = " ".join(texts[0].replace("\0", "").split()) if texts else ""
    return words if len(words) <= _TITLE_LENGTH else words[: _TITLE_LENGTH - 1] + "…"


def _labels(labels: object) -> dict[str, str]:
    """The line's labels, where the server takes them all."""
    if not isinstance(labels, dict) or len(labels) > limits.LABEL_COUNT:
        return {}
    for key, value in labels.items():
        if not isinstance(value, str) or len(value) > limits.LABEL_VALUE_LENGTH or "\0" in key + value:
            return {}
        if not 0 < len(key) <= limits.ID_LENGTH:
            return {}
    return labels


def _metadata(fields: dict[str, Any]) -> dict[str, object]:
    """The members that the server can search by, those of an object `metadata` as if they stood beside it."""
    members = {key: value for key, value in fields.items() if key not in ("labels", "metadata", "session_id")}
    if isinstance(fields.get("metadata"), dict):
        members |= fields["metadata"]
    kept: dict[str, object] = {}
    size = 2
    for key, value in members.items():
        size_with = size + len(dump_json({key: value}).encode())
        if "\0" not in key and size_with <= limits.METADATA_BYTES and _is_searchable(value, _STRUCT_DEPTH):
            kept[key], size = value, size_with
    return kept


def _is_searchable(value: object, depth: int) -> bool:
    match value:
        case str():
            return "\0" not in value
        case bool() | float() | None:
            return True
        case int():
            return abs(value) <= _EXACT_INTEGER
        case dict() if depth:
            return all("\0" not in key and _is_searchable(member, depth - 1) for key, member in value.items())
        case list() if depth:
            return all(_is_searchable(item, depth - 1) for item in value)
        case _:
            return False


def _outline(event: Event) -> dict[str, Any] | None:
    if event.type != OUTLINE or event.event_id != OUTLINE or not isinstance(event.body, Json):
        return None
    fields = event.body.value
    return dict(fields) if isinstance(fields, dict) and "messages" in fields else None


def _describe(session: Session) -> dict[str, Any]:
    """What a line says of a session that was not imported: what `read_line` takes up again."""
    described = {
        "session_id": session.session_id,
        "user_id": session.user_id,
        "agent_id": session.agent_id,
        "task_id": session.task_id,
        "title": session.title,
        "labels": dict(session.labels),
        "metadata": plain_numbers(dict(session.metadata)),
    }
    return {key: value for key, value in described.items() if value}
