"""JSON merge patch (RFC 7396): an object is merged member by member, a null removes, all else replaces."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from holdfastdb_server.domain.errors import InvalidField

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def merge(target: Mapping[str, object], patch: Mapping[str, object]) -> dict[str, object]:
    """Return the result of applying the patch to the object `target`."""
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
    """Return the result of applying the patch to `target`, all as JSON texts; both must be valid.

    Members that the patch does not name keep their text, so that numbers keep all of their digits. Raises
    InvalidField if the patch is nested too deeply for the parser.
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
