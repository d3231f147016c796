"""What several nouns are made of: text, JSON, payloads, labels and metadata, with their checks.

A check takes the path of the field in the request, and raises InvalidField with it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from itertools import accumulate
from typing import TypeAlias

import msgspec
from msgspec import Struct

from holdfastdb_server.domain import limits
from holdfastdb_server.domain.errors import InvalidField, LimitExceeded

JsonScalar: TypeAlias = str | int | float | bool | None
"""A value that metadata can be searched by."""
JsonObject: TypeAlias = dict[str, object]

_syntax = msgspec.json.Decoder(msgspec.Raw)  # checks the grammar without building the value
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_BRACKET = {"[": 1, "{": 1, "]": -1, "}": -1}
_NOT_BRACKETS = re.compile(r"[^\[\]{}]+")
_SAFE_INTEGER = 2**53


def check_json(field: str, text: str) -> str:
    """Return `text`, which is one JSON text (RFC 8259) of bounded depth, as it is."""
    try:
        # To look whether there is any is ten times as fast as to count.
        if ("[" in text or "{" in text) and text.count("[") + text.count("{") > limits.JSON_DEPTH:
            _check_depth(field, text)
        _syntax.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidField(field, _syntax_problem(text, error)) from None
    return text


def _syntax_problem(text: str, error: Exception) -> str:
    # The parser calls half of a surrogate pair truncated input.
    if _SURROGATE.search(text):
        return f"is not valid JSON, or has half of a surrogate pair, which is no character: {error}"
    return f"is not valid JSON: {error}"


def _check_depth(field: str, text: str) -> None:
    brackets = _NOT_BRACKETS.sub("", _STRING.sub("", text))
    depth = max(accumulate(map(_BRACKET.__getitem__, brackets)), default=0)
    if depth > limits.JSON_DEPTH:
        raise InvalidField(field, f"is nested {depth} levels deep; at most {limits.JSON_DEPTH} are allowed")


def check_text(field: str, text: str, length: int) -> str:
    """Return a text of at most `length` characters without NUL, which PostgreSQL cannot store."""
    if len(text) > length:
        raise InvalidField(field, f"has {len(text)} characters; at most {length} are allowed")
    if "\0" in text:
        raise InvalidField(field, "must not contain NUL characters")
    return text


class Payload(Struct, frozen=True):
    """An opaque value of the caller: either `json` text or `data` bytes."""

    json: str | None = None
    data: bytes | None = None
    media_type: str = ""

    @property
    def size(self) -> int:
        """The size in bytes, of characters as far as they are ASCII."""
        return len(self.json) if self.json is not None else len(self.data or b"")


def check_payload(field: str, payload: Payload) -> Payload:
    """Return a payload that has exactly one body, is small enough and, if JSON, valid."""
    if payload.media_type:
        check_text(f"{field}.media_type", payload.media_type, limits.MEDIA_TYPE_LENGTH)
    if payload.json is not None:
        name = f"{field}.json"
        check_size(name, utf8_size(payload.json))
        check_json(name, payload.json)
    elif payload.data is not None:
        check_size(f"{field}.data", len(payload.data))
    else:
        raise InvalidField(field, "must have `json` or `data`")
    return payload


def payload_bytes(payload: Payload | None) -> int:
    """Return the number of bytes of a payload's body; none has none."""
    if payload is None:
        return 0
    return utf8_size(payload.json) if payload.json is not None else len(payload.data or b"")


def check_optional_payload(field: str, payload: Payload | None) -> None:
    """Check a payload where there is one."""
    if payload is not None:
        check_payload(field, payload)


def check_payloads_fit(limit: str, *payloads: Payload | None) -> None:
    """Raise LimitExceeded, naming the `limit`, when payloads together are larger than one may be."""
    size = sum(map(payload_bytes, payloads))
    if size > limits.PAYLOAD_BYTES:
        raise LimitExceeded(limit, size, limits.PAYLOAD_BYTES)


def check_bytes(field: str, size: int, maximum: int, together: str = "") -> None:
    """Raise InvalidField when a value has more bytes than `maximum`. `together` says with what."""
    if size > maximum:
        having = f"has {size} bytes {together}" if together else f"has {size} bytes"
        raise InvalidField(field, f"{having}; at most {maximum} are allowed")


def check_size(field: str, size: int) -> None:
    """Raise InvalidField when a body is larger than a payload may be."""
    check_bytes(field, size, limits.PAYLOAD_BYTES)


def check_not_negative(field: str, value: int) -> int:
    """Return a number that is not negative."""
    if value < 0:
        raise InvalidField(field, f"is {value}; it must not be negative")
    return value


def check_unique(names: Sequence[str], field_of: Callable[[int], str], place: str) -> None:
    """Raise InvalidField at the first name that an earlier entry has too. Empty names are not compared."""
    if len(names) == len(set(names)):
        return
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name and name in seen:
            raise InvalidField(field_of(index), f"'{name}' stands twice in the {place}")
        seen.add(name)


def check_ttl(field: str, ttl: timedelta | None) -> None:
    """Raise InvalidField unless a time to live is None, for ever, or within its bounds."""
    if ttl is not None and not limits.RETENTION_MIN <= ttl <= limits.RETENTION_MAX:
        raise InvalidField(field, "must be between 1 second and 36,500 days")


def check_count(field: str, values: Collection[object], maximum: int) -> None:
    """Raise InvalidField when there are more values than `maximum`."""
    if len(values) > maximum:
        raise InvalidField(field, f"has {len(values)} entries; at most {maximum} are allowed")


def check_count_between(field: str, count: int, least: int, most: int) -> None:
    """Raise InvalidField when there are fewer entries than `least` or more than `most`."""
    if not least <= count <= most:
        raise InvalidField(field, f"has {count} entries; {least} to {most} are allowed")


def check_bucket(bucket: timedelta | None, is_wanted: bool) -> int:
    """Return the length of the time buckets to group by in seconds, 0 if not by time. Raises InvalidField."""
    if not is_wanted:
        return 0
    if bucket is None or bucket < timedelta(seconds=1) or bucket.microseconds:
        raise InvalidField("bucket", "must be a whole number of seconds, at least 1, to group by time")
    return int(bucket.total_seconds())


def check_wait(wait: timedelta) -> timedelta:
    """Return how long a call may wait, never more than the maximum. Raises InvalidField."""
    if wait < timedelta():
        raise InvalidField("wait", "must not be negative")
    return min(wait, limits.WAIT_MAX)


def utf8_size(text: str) -> int:
    """Return the number of bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def check_labels(field: str, labels: Mapping[str, str]) -> dict[str, str]:
    """Return labels within their bounds, all of them together too."""
    if not labels:
        return {}
    if len(labels) > limits.LABEL_COUNT:
        raise InvalidField(field, f"has {len(labels)} labels; at most {limits.LABEL_COUNT} are allowed")
    for key, value in labels.items():
        if not key:
            raise InvalidField(field, "has a label without a key")
        check_text(f"{field} key", key, limits.ID_LENGTH)
        check_text(f"{field}[{key!r}]", value, limits.LABEL_VALUE_LENGTH)
    _check_searchable(field, dict(labels))
    return dict(labels)


def check_metadata(field: str, metadata: Mapping[str, object]) -> JsonObject:
    """Return metadata that both engines can index: finite numbers, no NUL, 64 KiB.

    Numbers come as doubles; whole ones become integers, so that 3 is stored as 3 on every engine.
    """
    if not metadata:
        return {}
    cleaned = {key: _clean(f"{field}.{key}", value) for key, value in metadata.items()}
    _check_searchable(field, cleaned)
    return cleaned


def check_metadata_filter(field: str, metadata: Mapping[str, object]) -> dict[str, JsonScalar]:
    """Return the members to search by, which must be scalars."""
    wanted: dict[str, JsonScalar] = {}
    for key, value in check_metadata(field, metadata).items():
        if not (value is None or isinstance(value, str | int | float | bool)):
            raise InvalidField(f"{field}.{key}", "can only be searched by a string, number, boolean or null")
        wanted[key] = value
    return wanted


def _clean(field: str, value: object) -> object:
    match value:
        case dict():
            return {key: _clean(f"{field}.{key}", member) for key, member in value.items()}
        case list():
            return [_clean(f"{field}[{index}]", item) for index, item in enumerate(value)]
        case float() if not math.isfinite(value):
            raise InvalidField(field, "must be a finite number")
        case float() if value.is_integer() and abs(value) <= _SAFE_INTEGER:
            return int(value)
        case _:
            return value


def _check_searchable(field: str, value: JsonObject | dict[str, str]) -> None:
    text = dump_json(value)
    if len(text) > limits.METADATA_BYTES and utf8_size(text) > limits.METADATA_BYTES:
        raise InvalidField(
            field, f"has {utf8_size(text)} bytes as JSON; at most {limits.METADATA_BYTES} are allowed"
        )
    if "\\u0000" in text and _has_nul(value):
        raise InvalidField(field, "must not contain NUL characters, which cannot be searched by")


def _has_nul(value: object) -> bool:
    match value:
        case str():
            return "\0" in value
        case dict():
            return any("\0" in key or _has_nul(member) for key, member in value.items())
        case list():
            return any(map(_has_nul, value))
        case _:
            return False


_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def dump_json(value: object) -> str:
    """Return a value as compact JSON."""
    return _dump(value)
