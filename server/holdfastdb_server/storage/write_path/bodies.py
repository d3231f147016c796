"""How messages and steps are stored: as JSON with the names of OpenTelemetry's GenAI conventions.

What the caller wrote as JSON is kept inside as a string, so that not a character of it changes.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec

from holdfastdb_server.domain.events import Body, EventKind
from holdfastdb_server.domain.messages import (
    Blob,
    Message,
    OtherPart,
    Part,
    Step,
    Text,
    ToolCall,
    ToolCallResponse,
)
from holdfastdb_server.domain.values import Payload

Stored = tuple[str | None, bytes | None, str | None]
"""The columns body, data and media_type."""

_encode = msgspec.json.Encoder().encode


def encode(body: Body) -> Stored:
    """Return the columns that keep a body."""
    match body:
        case Payload():
            return body.json, body.data, body.media_type
        case Message():
            return _dump(_message(body)), None, None
        case Step():
            return _dump(_step(body)), None, None
        case None:
            return None, None, None


def decode(kind: int, text: str | None, data: bytes | None, media_type: str | None) -> Body:
    """Return the body that the columns keep."""
    if kind == EventKind.PAYLOAD:
        return Payload(text, None if data is None else bytes(data), media_type or "")
    if text is None:
        return None
    value = json.loads(text)
    if kind == EventKind.STEP:
        return Step(**value)
    parts = tuple(map(_part_of, value.pop("parts", ())))
    return Message(parts=parts, **value)


def _dump(value: dict[str, Any]) -> str:
    # A tenth of the time of the library's json.
    return _encode(value).decode()


def _step(step: Step) -> dict[str, str]:
    named = {
        "thought": step.thought,
        "action": step.action,
        "observation": step.observation,
        "step_id": step.step_id,
    }
    return {name: text for name, text in named.items() if text}


def _message(message: Message) -> dict[str, Any]:
    value: dict[str, Any] = {"role": message.role, "parts": [_part(part) for part in message.parts]}
    if message.name:
        value["name"] = message.name
    if message.finish_reason:
        value["finish_reason"] = message.finish_reason
    if message.extra_json:
        value["extra_json"] = message.extra_json
    return value


def _part(part: Part) -> dict[str, Any]:
    match part:
        case Text():
            return {"type": "text", "content": part.text}
        case ToolCall():
            return {"type": "tool_call", "id": part.id, "name": part.name, "arguments": part.arguments}
        case ToolCallResponse():
            return {
                "type": "tool_call_response",
                "id": part.id,
                "name": part.name,
                "response": part.response,
            }
        case Blob():
            return {
                "type": "blob",
                "mime_type": part.media_type,
                "modality": part.modality,
                "content": base64.b64encode(part.data).decode(),
            }
        case OtherPart():
            return {"type": "other", "content": part.json}


def _part_of(value: dict[str, Any]) -> Part:
    match value:
        case {"type": "text", "content": content}:
            return Text(content)
        case {"type": "tool_call", "id": id, "name": name, "arguments": arguments}:
            return ToolCall(id, name, arguments)
        case {"type": "tool_call_response", "id": id, "name": name, "response": response}:
            return ToolCallResponse(id, name, response)
        case {"type": "blob", "mime_type": media_type, "modality": modality, "content": content}:
            return Blob(media_type, modality, base64.b64decode(content))
        case {"type": "other", "content": content}:
            return OtherPart(content)
    raise ValueError(f"a stored message has a part of unknown type {value.get('type')!r}")
