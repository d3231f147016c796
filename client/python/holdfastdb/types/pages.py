"""Lists: their order, and the pages that they come in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeAlias, TypeVar

_T = TypeVar("_T")

Order: TypeAlias = Literal["ascending", "descending"]
"""The order of a list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[_T]):
    """One page of a list."""

    items: tuple[_T, ...]
    next_page_token: str
    """Where the next page begins: pass it as `page_token`. Empty on the last page."""
    total_size: int | None
    """How many items match the filter on all pages; only with `include_total_size`."""
