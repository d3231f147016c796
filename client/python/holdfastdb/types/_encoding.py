"""Values of the caller's own as they are sent: JSON texts and payloads. What is not JSON is refused with
InvalidArgument and the path of the culprit."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from holdfastdb._arguments import SURROGATE, is_text, refused
from holdfastdb.types.payloads import Data, Json, Payload

# Tuples: a union would be made anew at each use.
_PAYLOADS = (Json, Data)
_BYTES = (bytes, bytearray, memoryview)
_CONTAINERS = (dict, list, tuple)
_STR = {str}  # what the types of an object's keys almost always are
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def encode_json(value: object, path: str) -> str:
    """The JSON text of a JSON value; the text itself of a `Json`."""
    if isinstance(value, Json):
        return value.text
    try:
        text = _encode(value)
        text.encode()
        _check_keys(value, path)
    except RecursionError:
        raise refused(path, "nested too deeply") from None
    except (TypeError, ValueError) as error:  # UnicodeEncodeError is a ValueError
        where, why = _culprit(value, path)
        raise refused(where, why or str(error)) from None
    return text


def encode_payload(value: object, path: str) -> Payload:
    """Bytes become data, a `Json` or `Data` stays, anything else is written as JSON."""
    if isinstance(value, _PAYLOADS):
        return value
    if isinstance(value, _BYTES):
        return Data(bytes(value))
    return Json(encode_json(value, path))


def _check_keys(value: object, path: str) -> None:
    """Refuse keys that are not strings: json would write 1 and "1" as the same key."""
    pending: list[Any] = [value] if isinstance(value, _CONTAINERS) else []
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            if set(map(type, item)) != _STR and not all(isinstance(key, str) for key in item):
                raise refused(*_culprit(value, path))
            item = item.values()
        pending.extend([member for member in item if isinstance(member, _CONTAINERS)])


def _members(value: object, path: str) -> Iterator[tuple[object, str]]:
    """What an object or array holds, each with its path."""
    if isinstance(value, dict):
        yield from ((member, f"{path}.{key}") for key, member in value.items())
    elif isinstance(value, list | tuple):
        yield from ((member, f"{path}[{index}]") for index, member in enumerate(value))


def _culprit(value: object, path: str) -> tuple[str, str]:
    """Where a value is not JSON, and why; only the path given, and nothing, if no single place is at
    fault."""
    seen: set[int] = set()
    pending = [(value, path)]
    while pending:
        item, where = pending.pop()
        if isinstance(item, dict | list | tuple):
            if id(item) in seen:
                continue
            seen.add(id(item))
            if isinstance(item, dict) and (why := fault_of_keys(item)):
                return where, why
            pending.extend(_members(item, where))
        elif why := fault_of(item):
            return where, why
    return path, ""


def fault_of(value: object) -> str:
    """Why a value that holds no others is not JSON, or nothing."""
    match value:
        case None | int():
            return ""
        case str():
            return "" if is_text(value) else SURROGATE
        case float():
            return "" if math.isfinite(value) else f"{value} is not a JSON number"
        case _:
            return f"{type(value).__name__} is not a JSON type"


def fault_of_keys(value: Mapping[Any, object]) -> str:
    for key in value:
        if not isinstance(key, str):
            return "a JSON object has strings as keys"
        if not is_text(key):
            return f"in a key: {SURROGATE}"
    return ""
