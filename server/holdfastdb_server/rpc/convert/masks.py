"""Update masks: which fields of a message a change takes."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from holdfastdb_server.domain.errors import InvalidField

_MERGED = frozenset({"labels", "metadata"})


class MaskResult(NamedTuple):
    """The fields to replace whole, and whether labels and metadata are merged."""

    replaced: frozenset[str]
    merges: bool


def read_mask(mask: FieldMask, message: Message, allowed: Collection[str]) -> MaskResult:
    """Return what the mask lists, or, where it is empty, those of the `allowed` that are not."""
    if not mask.paths:
        given = {field.name for field, _ in message.ListFields()}
        return MaskResult(frozenset(given & set(allowed)) - _MERGED, merges=True)
    for path in mask.paths:
        if path not in allowed:
            problem = f"has '{path[:100]}'; allowed are {', '.join(allowed)}"
            raise InvalidField("update_mask", problem)
    return MaskResult(frozenset(mask.paths), merges=False)
