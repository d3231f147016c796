"""Requests that change the fields that are given, of whatever noun."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from google.protobuf import field_mask_pb2

from holdfastdb._arguments import refused, require_flag
from holdfastdb._convert.messages import build
from holdfastdb._ids import id_or_new

M = TypeVar("M")

# A map that is merged is not emptied by an empty one, so that this needs no mask.
_MERGED = ("labels", "metadata")


def to_update(
    request: Callable[..., M],
    noun: str,
    kind: Callable[..., Any],
    ids: Mapping[str, str],
    changes: Mapping[str, object],
    *,
    cleared: Collection[str] = (),
    replace: bool,
    expected_version: int | None,
    request_id: str | None,
    **others: object,
) -> M:
    """The request, whose field `noun` is a message of the `kind` with the changes that are not None.

    Without `replace` the server takes the fields that are set in the message, and merges maps. So a field is
    refused that protobuf cannot tell from one that is not given: an empty text, 0, an empty list. With
    `replace` a mask lists the fields that are given, and the `cleared` ones, which have no value to send.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    paths = [name for name in dict.fromkeys([*changes, *cleared]) if name in given or name in cleared]
    message = build("", kind, **ids, **given)
    if not require_flag(replace, "replace"):
        sent = {field.name for field, _ in message.ListFields()}
        for name in paths:
            if name not in sent and name not in _MERGED:
                raise refused(name, "emptying a field needs replace=True")
    return build(
        "",
        request,
        **{noun: message},
        update_mask=field_mask_pb2.FieldMask(paths=paths) if replace else None,
        expected_version=expected_version,
        request_id=id_or_new(request_id),
        **others,
    )
