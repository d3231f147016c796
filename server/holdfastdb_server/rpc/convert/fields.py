"""Fields that a message and a domain struct both have under one name, converted by their protobuf type.

What differs in name or in meaning is converted in the noun's own module. Events and states are converted
there field by field, which takes less time: they come by the hundreds in one request.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias, TypeVar

import msgspec
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from msgspec import Struct

from holdfastdb_server.rpc.convert.enums import PROTO_ENUMS, read_enum, read_enums, write_enum
from holdfastdb_server.rpc.convert.scalars import (
    read_optional_count,
    read_optional_duration,
    read_optional_payload,
    read_optional_time,
    read_struct,
    write_duration,
    write_payload,
    write_struct,
    write_time,
)

StructT = TypeVar("StructT", bound=Struct)

Read: TypeAlias = Callable[[Message, str, str], Any]
"""Takes the message, the name of the field, and the path of the message in the request."""
Write: TypeAlias = Callable[[Any, str, Any], None]
"""Takes the message, the name of the field, and the value."""

_ENUMS = {proto.full_name: kind for kind, proto in PROTO_ENUMS.items()}


def read_fields(message: Message, kind: type[StructT], path: str = "", **given: Any) -> StructT:
    """Return a struct of this kind: its fields are those `given`, then those that the message has.

    `path` is that of the message in the request: empty, or it ends with a dot. A message field that is not
    set becomes None, a scalar that is not `optional` its zero. Raises InvalidField.
    """
    for name, read in _readers(message.DESCRIPTOR, kind):
        if name not in given:
            given[name] = read(message, name, path)
    return kind(**given)


def write_fields(target: Message, source: Struct, *omitted: str) -> None:
    """Fill in the fields of the message that `source` has too, but not those `omitted`."""
    for name, write, writes_zero in _writers(target.DESCRIPTOR, type(source)):
        value = getattr(source, name)
        # To set a scalar to its zero takes time and changes nothing, unless the field is `optional`.
        if (value or (writes_zero and value is not None)) and name not in omitted:
            write(target, name, value)


@cache
def _readers(message: Descriptor, kind: type[Struct]) -> list[tuple[str, Read]]:
    pairs = ((name, _reader(field)) for name, field in _shared(message, kind))
    return [(name, read) for name, read in pairs if read is not None]


@cache
def _writers(message: Descriptor, kind: type[Struct]) -> list[tuple[str, Write, bool]]:
    triples = ((name, _writer(field), _writes_zero(field)) for name, field in _shared(message, kind))
    return [(name, write, writes_zero) for name, write, writes_zero in triples if write is not None]


def _shared(message: Descriptor, kind: type[Struct]) -> list[tuple[str, Any]]:
    descriptors = message.fields_by_name
    names = (field.name for field in msgspec.structs.fields(kind))
    return [(name, descriptors[name]) for name in names if name in descriptors]


def _reader(field: Any) -> Read | None:
    if field.enum_type is not None:
        kind = _ENUMS[field.enum_type.full_name]
        read = read_enums if _is_repeated(field) else read_enum
        return lambda message, name, path: read(path + name, getattr(message, name), kind)
    if field.message_type is not None:
        is_map = field.message_type.GetOptions().map_entry
        return _read_map if is_map else _MESSAGE_READERS.get(field.message_type.full_name)
    if _is_repeated(field):
        return lambda message, name, path: tuple(getattr(message, name))
    return read_optional_count if field.has_presence else _read_scalar


def _writer(field: Any) -> Write | None:
    if field.enum_type is not None:
        return lambda target, name, value: setattr(target, name, write_enum(value))
    if field.message_type is not None:
        is_map = field.message_type.GetOptions().map_entry
        return _write_map if is_map else _MESSAGE_WRITERS.get(field.message_type.full_name)
    if _is_repeated(field):
        return lambda target, name, value: getattr(target, name).extend(value)
    return setattr


def _writes_zero(field: Any) -> bool:
    is_struct = field.message_type is not None and field.message_type.full_name == _STRUCT
    return bool(field.has_presence) and not is_struct


def _is_repeated(field: Any) -> bool:
    # protobuf 5 has no `is_repeated`, and protobuf 7 warns of `label`.
    return bool(field.default_value == [])


def _read_scalar(message: Message, name: str, path: str) -> Any:
    return getattr(message, name)


def _read_map(message: Message, name: str, path: str) -> dict[str, str]:
    return dict(getattr(message, name))


def _write_map(target: Message, name: str, value: Any) -> None:
    getattr(target, name).update(value)


def _write_payload(target: Message, name: str, value: Any) -> None:
    payload = getattr(target, name)
    payload.SetInParent()
    write_payload(payload, value)


def _read_metadata(message: Message, name: str, path: str) -> Any:
    return read_struct(path + name, getattr(message, name))


_STRUCT = "google.protobuf.Struct"
_MESSAGE_READERS: dict[str, Read] = {
    "google.protobuf.Timestamp": read_optional_time,
    "google.protobuf.Duration": read_optional_duration,
    "holdfastdb.v1.Payload": read_optional_payload,
    _STRUCT: _read_metadata,
}
_MESSAGE_WRITERS: dict[str, Write] = {
    "google.protobuf.Timestamp": lambda target, name, value: write_time(getattr(target, name), value),
    "google.protobuf.Duration": lambda target, name, value: write_duration(getattr(target, name), value),
    "holdfastdb.v1.Payload": _write_payload,
    _STRUCT: lambda target, name, value: write_struct(getattr(target, name), value),
}
