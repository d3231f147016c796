"""Metadata as a protobuf Struct, whose numbers are doubles."""

from __future__ import annotations

import math
from collections.abc import Mapping

from google.protobuf import struct_pb2

from holdfastdb._arguments import is_text, refused, require_mapping
from holdfastdb.types._encoding import fault_of, fault_of_keys

_MAX_EXACT = 2**53
# A level of a Struct is up to three nested messages, and protobuf parsers stop at 100.
_MAX_STRUCT_DEPTH = 30


def to_struct(value: Mapping[str, object] | None, path: str = "metadata") -> struct_pb2.Struct | None:
    """A Struct, whose numbers are doubles: an integer that a double cannot hold is refused, not rounded."""
    if value is None:
        return None
    struct = struct_pb2.Struct()
    _fill(struct, value, path, 1)
    return struct


def _fill(struct: struct_pb2.Struct, value: Mapping[str, object], path: str, depth: int) -> None:
    require_mapping(value, path)
    struct.fields.clear()  # so that a nested Struct is set even when it stays empty
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
