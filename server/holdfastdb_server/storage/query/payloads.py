"""Payloads in columns of their own: see schema.base.payload_columns."""

from __future__ import annotations

from typing import Any

from holdfastdb_server.domain.values import Payload


def payload_names(*names: str) -> tuple[str, ...]:
    """Return the columns of payloads: what a list leaves out."""
    return tuple(f"{name}_{part}" for name in names for part in ("json", "data", "media_type"))


def payload_values(name: str, payload: Payload | None) -> dict[str, Any]:
    """Return the columns of a payload, all NULL for none."""
    json, data, media_type = payload_names(name)
    if payload is None:
        return {json: None, data: None, media_type: None}
    return {json: payload.json, data: payload.data, media_type: payload.media_type}


def payload_of(row: Any, name: str) -> Payload | None:
    """Return the payload in the columns; None if there is none, or if the query left it out."""
    json, data, media_type = (getattr(row, column) for column in payload_names(name))
    return None if media_type is None else Payload(json, None if data is None else bytes(data), media_type)
