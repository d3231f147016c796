"""JSON for scripts: the fields of the client's dataclasses, with the names of the protos.

Bytes are base64, times RFC 3339, durations seconds.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from holdfastdb import (
    Blob,
    Data,
    Document,
    DocumentKey,
    Event,
    Json,
    Message,
    OtherPart,
    PlanProgress,
    Session,
    Step,
    ToolCall,
    ToolCallResponse,
)
from holdfastdb_server.cli.invocation import emit
from holdfastdb_server.cli.transcripts.lines import plain_numbers

_BODIES = {Message: "message", Step: "step", Json: "payload", Data: "payload"}
_PARTS = {ToolCall: "tool_call", ToolCallResponse: "tool_call_response", Blob: "blob"}


def write(it: object, **further: object) -> None:
    """Print a dataclass as a line of JSON that begins with the `further` members."""
    emit(dump({**further, **describe(it)}))


def dump(value: object) -> str:
    """One line of JSON."""
    return json.dumps(value, ensure_ascii=False)


def describe(it: Any) -> dict[str, Any]:
    """All fields of a dataclass of the client, as JSON values."""
    described: dict[str, Any] = {}
    for field in fields(it):
        described |= _member(it, field.name, getattr(it, field.name))
    return described


def _member(it: object, name: str, value: Any) -> dict[str, Any]:
    """A field under the name or names that the protos have for it."""
    match it, name:
        case Session(), "retention":
            seconds = value.total_seconds() if isinstance(value, timedelta) else None
            return {"retention_seconds": seconds, "never_expires": value == "never"}
        case Event(), "body":
            return {} if value is None else {_BODIES[type(value)]: _value(value)}
        case Document(), "payload":
            return {"content": _value(value)}
        case PlanProgress(), _:
            return {f"{name}_count": value}
        case _, "metadata":
            return {name: plain_numbers(dict(value))}
        case _, "ttl" | "p50_duration" | "p95_duration":
            return {f"{name.removesuffix('_duration')}_seconds": _value(value)}
        case _:
            return {name: _value(value)}


def _value(value: Any) -> Any:
    match value:
        case Json(text, media_type):
            return {"json": text, "media_type": media_type}
        case Data(data, media_type):
            return {"data": _value(data), "media_type": media_type}
        case OtherPart(json_text):
            return {"other_json": json_text}
        case ToolCall() | ToolCallResponse() | Blob():
            return {_PARTS[type(value)]: describe(value)}
        case Enum():
            return value.value
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case timedelta():
            return value.total_seconds()
        case bytes():
            return base64.b64encode(value).decode()
        case DocumentKey():
            return value._asdict()
        case tuple():
            return [_value(item) for item in value]
        case Mapping():
            return dict(value)
        case _:
            return describe(value) if is_dataclass(value) else value
