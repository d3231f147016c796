"""Ids: strings that the caller chose, or that we make."""

from __future__ import annotations

import os
import re
import time

from holdfast_server.domain.errors import InvalidField
from holdfast_server.domain.limits import ID_LENGTH, STATE_KEY_BYTES

# C0, DEL and C1; NUL among them, which PostgreSQL cannot store in text.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def new_id() -> str:
    """Return a UUIDv7 (RFC 9562): ids made later sort later, to the millisecond."""
    random = os.urandom(10)
    raw = time.time_ns() // 1_000_000 << 80 | int.from_bytes(random, "big")
    raw = raw & ~(0xF << 76) | 7 << 76
    raw = raw & ~(0x3 << 62) | 2 << 62
    text = f"{raw:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def check_id(field: str, value: str) -> str:
    """Return a required id. Raises InvalidField when it is empty or no id."""
    if not value:
        raise InvalidField(field, "is required")
    return check_optional_id(field, value)


def check_optional_id(field: str, value: str) -> str:
    """Return an id or the empty string. Raises InvalidField when it is neither."""
    if len(value) > ID_LENGTH:
        raise InvalidField(field, f"has {len(value)} characters; at most {ID_LENGTH} are allowed")
    # isprintable() is false for some characters that we allow, and true only for what we allow.
    if not value.isprintable() and _CONTROL.search(value):
        raise InvalidField(field, "must not contain control characters")
    return value


def check_state_key(field: str, value: str) -> str:
    """Return a state's key, which is longer than an id. Raises InvalidField."""
    if len(value.encode()) > STATE_KEY_BYTES:
        raise InvalidField(field, f"has {len(value.encode())} bytes; at most {STATE_KEY_BYTES} are allowed")
    if _CONTROL.search(value):
        raise InvalidField(field, "must not contain control characters")
    return value
