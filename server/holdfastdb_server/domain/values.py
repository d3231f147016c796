"""Values that several nouns have: text, JSON, payloads, labels and metadata, with their checks.

A check takes the path of the field in the request, for the InvalidField that it raises.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from itertools import accumulate
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from holdfastdb_server.domain import limits
from holdfastdb_server.domain.errors import InvalidField, LimitExceeded

StructT = TypeVar("StructT", bound=Struct)

JsonScalar: TypeAlias = str | int | float | bool | None
"""A value of a metadata member that lists can filter by."""
JsonObject: TypeAlias = dict[str, object]

_syntax = msgspec.json.Decoder(msgspec.Raw)  # checks the syntax without building the value
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_BRACKET = {"[": 1, "{": 1, "]": -1, "}": -1}
_NOT_BRACKETS = re.compile(r"[^\[\]{}]+")
_SAFE_INTEGER = 2**53


def check_json(field: str, text: str) -> str:
    """Return `text` if it is one JSON text (RFC 8259) of at most JSON_DEPTH levels."""
    try:
        # `in` is ten times as fast as count().
        if ("[" in text or "{" in text) and text.count("[") + text.count("{") > limits.JSON_DEPTH:
            _check_depth(field, text)
        _syntax.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidField(field, _syntax_problem(text, error)) from None
    return text


def _syntax_problem(text: str, error: Exception) -> str:
    # The parser reports half of a surrogate pair as truncated input.
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
    """A value that is stored and returned unchanged: either `json` text or `data` bytes."""

    json: str | None = None
    data: bytes | None = None
    media_type: str = ""

    @property
    def size(self) -> int:
        """The size in bytes if the JSON text is ASCII; else less. payload_bytes() is exact."""
        return len(self.json) if self.json is not None else len(self.data or b"")


def check_payload(field: str, payload: Payload) -> Payload:
    """Return a payload that has a body of at most PAYLOAD_BYTES, which is valid if it is JSON."""
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
    """Return the size of a payload's body in bytes; 0 without a payload."""
    if payload is None:
        return 0
    return utf8_size(payload.json) if payload.json is not None else len(payload.data or b"")


def check_optional_payload(field: str, payload: Payload | None) -> None:
    """Check a payload if there is one."""
    if payload is not None:
        check_payload(field, payload)


def check_payloads_fit(limit: str, *payloads: Payload | None) -> None:
    """Raise LimitExceeded with the name `limit` if the payloads together exceed PAYLOAD_BYTES."""
    size = sum(map(payload_bytes, payloads))
    if size > limits.PAYLOAD_BYTES:
        raise LimitExceeded(limit, size, limits.PAYLOAD_BYTES)


def check_bytes(field: str, size: int, maximum: int, together: str = "") -> None:
    """Raise InvalidField when a value has more bytes than `maximum`. `together` says with what."""
    if size > maximum:
        having = f"has {size} bytes {together}" if together else f"has {size} bytes"
        raise InvalidField(field, f"{having}; at most {maximum} are allowed")


def check_size(field: str, size: int) -> None:
    """Raise InvalidField if a body has more than PAYLOAD_BYTES bytes."""
    check_bytes(field, size, limits.PAYLOAD_BYTES)


def check_not_negative(field: str, value: int) -> int:
    """Return a number that is not negative."""
    if value < 0:
        raise InvalidField(field, f"is {value}; it must not be negative")
    return value


def check_unique(names: Sequence[str], field_of: Callable[[int], str], place: str) -> None:
    """Raise InvalidField for the first name that occurred before. Empty names are not compared."""
    if len(names) == len(set(names)):
        return
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name and name in seen:
            raise InvalidField(field_of(index), f"'{name}' occurs twice in the {place}")
        seen.add(name)


def check_ttl(field: str, ttl: timedelta | None) -> None:
    """Raise InvalidField unless a time to live is None or from 1 second to 36,500 days."""
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
    """Return the length of a time bucket in seconds, 0 if not grouped by time. Raises InvalidField."""
    if not is_wanted:
        return 0
    if bucket is None or bucket < timedelta(seconds=1) or bucket.microseconds:
        raise InvalidField("bucket", "must be a whole number of seconds, at least 1, to group by time")
    return int(bucket.total_seconds())


def check_wait(wait: timedelta) -> timedelta:
    """Return how long a call waits: at most WAIT_MAX. Raises InvalidField if negative."""
    if wait < timedelta():
        raise InvalidField("wait", "must not be negative")
    return min(wait, limits.WAIT_MAX)


def utf8_size(text: str) -> int:
    """Return the number of bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def check_labels(field: str, labels: Mapping[str, str]) -> None:
    """Raise InvalidField unless each of the labels is within its bounds, and all together too."""
    if not labels:
        return
    if len(labels) > limits.LABEL_COUNT:
        raise InvalidField(field, f"has {len(labels)} labels; at most {limits.LABEL_COUNT} are allowed")
    for key, value in labels.items():
        if not key:
            raise InvalidField(field, "has a label without a key")
        check_text(f"{field} key", key, limits.ID_LENGTH)
        check_text(f"{field}[{key!r}]", value, limits.LABEL_VALUE_LENGTH)
    _check_searchable(field, dict(labels))


def check_metadata(field: str, metadata: Mapping[str, object]) -> JsonObject:
    """Return metadata that every engine can index: at most 64 KiB as JSON, finite numbers, no NUL.

    Protobuf has doubles only: whole numbers up to 2^53 become integers, so that 3 is stored as 3.
    """
    if not metadata:
        return {}
    cleaned = {key: _clean(f"{field}.{key}", value) for key, value in metadata.items()}
    _check_searchable(field, cleaned)
    return cleaned


def check_metadata_filter(field: str, metadata: Mapping[str, object]) -> dict[str, JsonScalar]:
    """Return metadata to filter by: its values must be scalars."""
    wanted: dict[str, JsonScalar] = {}
    for key, value in check_metadata(field, metadata).items():
        if not (value is None or isinstance(value, str | int | float | bool)):
            raise InvalidField(f"{field}.{key}", "must be a string, a number, a boolean or null to filter by")
        wanted[key] = value
    return wanted


def check_searchable(path: str, fields: StructT) -> StructT:
    """Return fields with their labels and metadata checked; `path` is empty or ends with a dot."""
    return _with_checked(path, fields, check_metadata)


def check_filter(path: str, where: StructT) -> StructT:
    """Return a condition with its labels and metadata checked; `path` is empty or ends with a dot."""
    return _with_checked(path, where, check_metadata_filter)


def _with_checked(path: str, struct: StructT, check: Callable[[str, Any], Mapping[str, object]]) -> StructT:
    fields: Any = struct
    check_labels(f"{path}labels", fields.labels)
    return replace(struct, metadata=check(f"{path}metadata", fields.metadata))


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
    if (size := utf8_size(text)) > limits.METADATA_BYTES:
        raise InvalidField(field, f"has {size} bytes as JSON; at most {limits.METADATA_BYTES} are allowed")
    if "\\u0000" in text and _has_nul(value):
        raise InvalidField(field, "must not contain NUL characters")


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
