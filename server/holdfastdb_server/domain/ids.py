"""Ids: strings that the caller chooses or the server makes."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Sequence
from functools import lru_cache

from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.limits import FILTER_VALUES, ID_LENGTH, STATE_KEY_BYTES

# C0, DEL and C1. PostgreSQL cannot store NUL in text.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# The variant of a UUID is the bits 10 in one hexadecimal digit: each digit and what it becomes.
_VARIANTS = {digit: "89ab"[place % 4] for place, digit in enumerate("0123456789abcdef")}


def new_id() -> str:
    """Return a UUIDv7 (RFC 9562): ids made later sort later, to the millisecond."""
    random = os.urandom(10).hex()
    start = _time_digits(time.time_ns() // 1_000_000)
    return f"{start}-7{random[:3]}-{_VARIANTS[random[3]]}{random[4:7]}-{random[7:19]}"


@lru_cache(maxsize=1)
def _time_digits(milliseconds: int) -> str:
    digits = f"{milliseconds:012x}"
    return f"{digits[:8]}-{digits[8:]}"


def check_id(field: str, value: str) -> str:
    """Return a required id. Raises InvalidField if it is empty or not an id."""
    if not value:
        raise InvalidField(field, "is required")
    return check_optional_id(field, value)


def check_optional_id(field: str, value: str) -> str:
    """Return an id or the empty string. Raises InvalidField if it is neither."""
    if len(value) > ID_LENGTH:
        raise InvalidField(field, f"has {len(value)} characters; at most {ID_LENGTH} are allowed")
    # isprintable() is the faster check: true only for allowed characters, but false for some of them.
    if not value.isprintable() and _CONTROL.search(value):
        raise InvalidField(field, "must not contain control characters")
    return value


def check_optional_ids(path: str, source: object, names: Sequence[str]) -> None:
    """Check the attributes of `source` that have these names; `path` is empty or ends with a dot."""
    for name in names:
        check_optional_id(path + name, getattr(source, name))


def check_kinds(field: str, kinds: Collection[str]) -> None:
    """Check the kinds of tasks or runs, or the types of events, that a filter wants."""
    if len(kinds) > FILTER_VALUES:
        raise InvalidField(field, f"has {len(kinds)} entries; at most {FILTER_VALUES} are allowed")
    for index, kind in enumerate(kinds):
        check_id(f"{field}[{index}]", kind)


def check_state_key(field: str, value: str) -> str:
    """Return the key of a state, which may be empty. Raises InvalidField."""
    if (size := len(value.encode())) > STATE_KEY_BYTES:
        raise InvalidField(field, f"has {size} bytes; at most {STATE_KEY_BYTES} are allowed")
    if _CONTROL.search(value):
        raise InvalidField(field, "must not contain control characters")
    return value
