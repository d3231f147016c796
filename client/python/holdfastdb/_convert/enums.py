"""Enums, converted by their names: `TaskStatus.PENDING`, `"pending"` and `TASK_STATUS_PENDING` are one value.

So the contract and `holdfastdb.types` list the values of an enum, and nothing else does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from typing import Protocol, TypeVar, cast

from google.protobuf.descriptor import EnumDescriptor

from holdfastdb._arguments import refused, require_list
from holdfastdb.types.pages import Order
from holdfastdb.v1 import payload_pb2

N = TypeVar("N")
N_co = TypeVar("N_co", covariant=True)
S = TypeVar("S", bound=StrEnum)


class ProtoEnum(Protocol[N_co]):
    """A generated enum, such as `task_service_pb2.TaskStatus`, whose numbers have a type of their own."""

    @property
    def DESCRIPTOR(self) -> EnumDescriptor: ...

    def values(self) -> Iterable[N_co]: ...


def to_enum(kind: ProtoEnum[N], value: str, path: str) -> N:
    """The number of a status, an EventKind or a literal such as "ascending"."""
    numbers = _numbers(kind.DESCRIPTOR)
    try:
        return cast("N", numbers[value])
    except (KeyError, TypeError):  # TypeError: the value cannot be a key
        raise refused(path, f"{value!r} is not one of {', '.join(numbers)}") from None


def to_enums(kind: ProtoEnum[N], values: Iterable[str], path: str) -> list[N]:
    """The numbers of several."""
    return [to_enum(kind, value, path) for value in require_list(values, path)]


def to_order(order: Order | None) -> payload_pb2.SortOrder.ValueType:
    """The sort order; None leaves it to the server."""
    if order is None:
        return payload_pb2.SORT_ORDER_UNSPECIFIED
    return to_enum(payload_pb2.SortOrder, order, "order")


def from_enum(kind: type[S], source: ProtoEnum[object], number: int) -> S:
    """The status; UNRECOGNIZED for a number that only a newer version of the contract has."""
    return kind(_names(source.DESCRIPTOR).get(number, "unrecognized"))


@cache
def _numbers(descriptor: EnumDescriptor) -> Mapping[str, int]:
    """The numbers by the names in small letters, without the prefix that they have in the contract."""
    prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", descriptor.name).upper() + "_"
    return {
        value.name.removeprefix(prefix).lower(): value.number for value in descriptor.values if value.number
    }


@cache
def _names(descriptor: EnumDescriptor) -> Mapping[int, str]:
    return {number: name for name, number in _numbers(descriptor).items()}
