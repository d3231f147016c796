"""Update masks: which fields of a resource a request changes."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from holdfastdb_server.domain.changes import MERGED_FIELDS
from holdfastdb_server.domain.errors import InvalidField


class MaskResult(NamedTuple):
    """The names of the fields to replace whole, and whether labels and metadata are merged."""

    replaced: frozenset[str]
    merges: bool


def read_mask(mask: FieldMask, message: Message, allowed: Collection[str]) -> MaskResult:
    """Return the fields that the mask lists; all must be `allowed`, else it raises InvalidField.

    Without a mask, return the allowed fields that are set in the message, except labels and metadata, which
    are merged.
    """
    if not mask.paths:
        # `never_expires: false` is listed, as it is a member of a oneof, and means the same as not set.
        given = {field.name for field, value in message.ListFields() if value is not False}
        return MaskResult(frozenset(given.intersection(allowed) - MERGED_FIELDS), merges=True)
    for path in mask.paths:
        if path not in allowed:
            problem = f"has '{path[:100]}'; allowed are {', '.join(allowed)}"
            raise InvalidField("update_mask", problem)
    return MaskResult(frozenset(mask.paths), merges=False)
