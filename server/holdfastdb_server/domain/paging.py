"""Pages of lists, and the opaque tokens that name the next page."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from enum import Enum, auto
from typing import Generic, TypeAlias, TypeVar

from msgspec import Struct

from holdfastdb_server.domain.errors import InvalidField, InvalidPageToken
from holdfastdb_server.domain.values import dump_json

T = TypeVar("T")

Cursor: TypeAlias = tuple[int | str, ...]
"""The values of the last item of a page by which the list is ordered."""


class SortOrder(Enum):
    """Whether a list begins with the least of its keys or with the greatest."""

    ASCENDING = auto()
    DESCENDING = auto()


class PageRequest(Struct, frozen=True):
    """A page of a list: at most `size` items that follow the cursor `after`."""

    size: int
    after: Cursor | None = None
    descending: bool = False
    with_total: bool = False


class Page(Struct, Generic[T], frozen=True):
    """A page of a list. `next` is None on the last one, `total_size` None unless `with_total` was set."""

    items: Sequence[T]
    next: Cursor | None = None
    total_size: int | None = None


def check_page_size(size: int, default: int, maximum: int) -> int:
    """Return the size of a page: the default for 0, never more than the maximum. Raises InvalidField."""
    if size < 0:
        raise InvalidField("page_size", f"is {size}; it must not be negative")
    return min(size or default, maximum)


def write_token(scope: bytes, cursor: Cursor | None) -> str:
    """Return the token of the page after `cursor`. It is valid only with this `scope`: list and filter."""
    if cursor is None:
        return ""
    text = _digest(scope) + dump_json(cursor).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def read_token(scope: bytes, token: str, shape: tuple[type, ...]) -> Cursor | None:
    """Return the cursor of a token; its values must have the types of `shape`. Raises InvalidPageToken."""
    if not token:
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        values = json.loads(raw[_DIGEST_BYTES:]) if raw[:_DIGEST_BYTES] == _digest(scope) else None
    except (binascii.Error, ValueError, RecursionError):
        raise InvalidPageToken from None
    if not isinstance(values, list) or tuple(map(type, values)) != shape:
        raise InvalidPageToken
    if not all(map(_is_storable, values)):
        raise InvalidPageToken
    return tuple(values)


def _is_storable(value: int | str) -> bool:
    """Whether every engine accepts it as a parameter: a forged token must not fail in the database."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


_DIGEST_BYTES = 8


def _digest(scope: bytes) -> bytes:
    return hashlib.blake2b(scope, digest_size=_DIGEST_BYTES).digest()
