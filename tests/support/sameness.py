"""When two values are the same and not only equal."""

from __future__ import annotations


def same(one: object, other: object) -> bool:
    """Whether they are equal and so are the types of their numbers: 1 is equal to 1.0, and not the same."""
    return one == other and repr(one) == repr(other)
