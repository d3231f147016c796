"""Protobuf messages made from a caller's arguments, with an error that names the argument at fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ParamSpec, TypeVar

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from holdfastdb._arguments import SURROGATE, of_wrong_type, refused, require_mapping
from holdfastdb.errors import InvalidArgument

P = ParamSpec("P")
M = TypeVar("M")

# What protobuf raises for a value that a field cannot hold.
REFUSALS = (TypeError, ValueError, OverflowError, AttributeError)


def build(path: str, kind: Callable[P, M], /, *args: P.args, **fields: P.kwargs) -> M:
    """`kind(**fields)`, a protobuf message. What protobuf refuses is named, with `path` before the field.

    So is what protobuf takes by mistake: None for a field that cannot be absent, and bytes for a text.
    """
    make: Any = kind
    for name, value in fields.items():
        if value is None and name in _always_present(make.DESCRIPTOR):
            raise of_wrong_type(f"{path}{name}", "a value", None)
        if isinstance(value, bytes):
            raise of_wrong_type(f"{path}{name}", "a text", value)
    try:
        return kind(*args, **fields)
    except REFUSALS:
        for name, value in fields.items():
            try:
                make(**{name: value})
            except REFUSALS as error:
                raise cannot_be_sent(f"{path}{name}", error) from error
        raise


@cache
def _always_present(descriptor: Descriptor) -> frozenset[str]:
    """The fields that have a value in every message: those that are neither optional nor lists."""
    return frozenset(
        field.name for field in descriptor.fields if not field.has_presence and field.default_value != []
    )


def fill(path: str, message: Message, /, **fields: object) -> None:
    """Set fields of a protobuf message, in less time than `build` takes to make one; as there, what protobuf
    refuses is named. None is refused."""
    for name, value in fields.items():
        if value.__class__ is bytes and name != "data":
            raise of_wrong_type(f"{path}{name}", "a text", value)
        try:
            setattr(message, name, value)
        except REFUSALS as error:
            raise cannot_be_sent(f"{path}{name}", error) from error


def cannot_be_sent(path: str, error: Exception) -> InvalidArgument:
    """The error for a field that protobuf refuses with this one."""
    return refused(path, SURROGATE if isinstance(error, UnicodeEncodeError) else str(error))


def to_labels(labels: Mapping[str, str] | None, path: str = "labels") -> Mapping[str, str] | None:
    """The labels, which are texts by texts."""
    if labels is None:
        return None
    for key, value in require_mapping(labels, path).items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise refused(path, f"labels are texts by texts, not {key!r}: {value!r}")
    return labels
