"""How a change of a resource's fields is applied: by an update mask, or by merging."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from holdfastdb_server.domain.merge_patch import merge

MERGED_FIELDS = frozenset({"labels", "metadata"})
"""The fields that a change without an update mask adds to instead of replacing them."""

FieldsT = TypeVar("FieldsT", bound=Struct)


def changed_fields(current: FieldsT, new: FieldsT, replaced: Collection[str], *, merges: bool) -> FieldsT:
    """Return `current` with the fields named in `replaced` replaced by those of `new`.

    With `merges`, metadata is also merged by RFC 7396, and labels, whose values are never null, likewise.
    """
    values: dict[str, Any] = {name: getattr(new, name) for name in replaced}
    if merges:
        for name in MERGED_FIELDS.intersection(new.__struct_fields__):
            values[name] = merge(getattr(current, name), getattr(new, name))
    return replace(current, **values)
