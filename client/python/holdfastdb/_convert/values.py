"""Python values out to the contract's: JSON texts, payloads, Structs, times. What cannot be said exactly is
refused with `InvalidArgument` and the path of the culprit, before anything is sent."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import ParamSpec, TypeVar

from google.protobuf import duration_pb2, struct_pb2, timestamp_pb2
from google.protobuf.message import Message

from holdfastdb.errors import InvalidArgument, refused
from holdfastdb.types._encoding import SURROGATE, fault_of, fault_of_keys, is_text

P = ParamSpec("P")
M = TypeVar("M")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_EXACT = 2**53
# A level of a Struct is up to three nested messages, and protobuf parsers stop at 100.
_MAX_STRUCT_DEPTH = 30


def build(path: str, kind: Callable[P, M], /, *args: P.args, **fields: P.kwargs) -> M:
    """`kind(**fields)`, a protobuf message; what protobuf refuses is named with `path` before the field."""
    try:
        return kind(*args, **fields)
    except (TypeError, ValueError):
        alone: Callable[..., object] = kind
        for name, value in fields.items():
            try:
                alone(**{name: value})
            except (TypeError, ValueError) as error:
                raise cannot_be_sent(f"{path}{name}", error) from error
        raise


def fill(path: str, message: Message, /, **fields: object) -> None:
    """Set fields of a protobuf message, in less time than `build` takes to make one; as there, what protobuf
    refuses is named. None is refused."""
    for name, value in fields.items():
        try:
            setattr(message, name, value)
        except (TypeError, ValueError) as error:
            raise cannot_be_sent(f"{path}{name}", error) from error


def cannot_be_sent(path: str, error: TypeError | ValueError) -> InvalidArgument:
    """The error for a field that protobuf refuses with this one."""
    return refused(path, SURROGATE if isinstance(error, UnicodeEncodeError) else str(error))


def to_struct(value: Mapping[str, object] | None, path: str = "metadata") -> struct_pb2.Struct | None:
    """A Struct, whose numbers are doubles: an integer that a double cannot hold is refused, not rounded."""
    if value is None:
        return None
    struct = struct_pb2.Struct()
    _fill(struct, value, path, 1)
    return struct


def _fill(struct: struct_pb2.Struct, value: Mapping[str, object], path: str, depth: int) -> None:
    if not isinstance(value, Mapping):
        raise refused(path, f"a mapping is needed, not {type(value).__name__}")
    struct.fields.clear()  # marks a nested Struct as set even when it stays empty
    if why := fault_of_keys(value):
        raise refused(path, why)
    for key, member in value.items():
        _set(struct.fields[key], member, f"{path}.{key}", depth)


def _set(target: struct_pb2.Value, value: object, path: str, depth: int) -> None:
    if depth > _MAX_STRUCT_DEPTH:
        raise refused(path, f"nested more than {_MAX_STRUCT_DEPTH} levels deep")
    match value:
        case None:
            target.null_value = struct_pb2.NULL_VALUE
        case bool():
            target.bool_value = value
        case int():
            if abs(value) > _MAX_EXACT:
                raise refused(path, "numbers are doubles here, which hold integers to 2^53; use a string")
            target.number_value = value
        case float() if math.isfinite(value):
            target.number_value = value
        case str() if is_text(value):
            target.string_value = value
        case Mapping():
            target.struct_value.SetInParent()
            _fill(target.struct_value, value, path, depth + 1)
        case list() | tuple():
            target.list_value.SetInParent()
            for index, member in enumerate(value):
                _set(target.list_value.values.add(), member, f"{path}[{index}]", depth + 1)
        case _:
            raise refused(path, fault_of(value))


def from_struct(struct: struct_pb2.Struct) -> dict[str, object]:
    """The Struct as a dict."""
    return {key: _from_value(member) for key, member in struct.fields.items()}


def _from_value(value: struct_pb2.Value) -> object:
    match value.WhichOneof("kind"):
        case "bool_value":
            return value.bool_value
        case "number_value":
            return value.number_value
        case "string_value":
            return value.string_value
        case "struct_value":
            return from_struct(value.struct_value)
        case "list_value":
            return [_from_value(member) for member in value.list_value.values]
        case _:
            return None


def to_timestamp(value: datetime | None, path: str) -> timestamp_pb2.Timestamp | None:
    """A naive datetime is refused: it could mean any zone."""
    if value is None:
        return None
    if value.utcoffset() is None:
        raise refused(path, "the datetime needs a timezone")
    since = value - _EPOCH
    return timestamp_pb2.Timestamp(
        seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1_000
    )


def from_timestamp(value: timestamp_pb2.Timestamp) -> datetime:
    """Timezone-aware, in UTC, cut to the microsecond."""
    return _EPOCH + timedelta(0, value.seconds, value.nanos // 1_000)


def to_duration(value: timedelta) -> duration_pb2.Duration:
    """The duration, exactly."""
    duration = duration_pb2.Duration()
    duration.FromTimedelta(value)
    return duration
