"""The score of a full-text match."""

from __future__ import annotations

from collections.abc import Sequence

from holdfastdb_server.storage.engines.full_text import FULL_WEIGHT


def score(weight: int, words: Sequence[str]) -> float:
    """Return the score of a match, from 0 to 1: the share of the query's words that a row has."""
    return weight / (FULL_WEIGHT * len(words))
