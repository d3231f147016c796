"""JSON merge patch (RFC 7396): an object is merged member by member, a null removes, all else replaces."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from holdfastdb_server.domain.errors import InvalidField

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def merge(target: Mapping[str, object], patch: Mapping[str, object]) -> dict[str, object]:
    """Return the object that the patch makes of `target`."""
    merged = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            inner = merged.get(key)
            merged[key] = merge(inner if isinstance(inner, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def merge_text(field: str, target: str, patch: str) -> str:
    """Return the JSON text that the patch makes of the text `target`; both are valid JSON.

    Only what the patch names is written anew: other members keep their text, so that no number loses
    a digit. Raises InvalidField when the patch is nested deeper than a document may be.
    """
    try:
        return _merge_raw(target.strip(), patch.strip()).decode()
    except RecursionError:
        raise InvalidField(field, "is nested too deep") from None


def _merge_raw(target: str, patch: str) -> bytes:
    if not patch.startswith("{"):
        return patch.encode()
    merged = dict(_members.decode(target)) if target.startswith("{") else {}
    for key, value in _members.decode(patch).items():
        text = bytes(value).decode()
        if text == "null":
            merged.pop(key, None)
        else:
            inner = bytes(merged[key]).decode() if key in merged else ""
            merged[key] = msgspec.Raw(_merge_raw(inner, text))
    return msgspec.json.encode(merged)
