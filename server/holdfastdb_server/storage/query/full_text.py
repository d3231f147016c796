"""The score of a match of full text."""

from __future__ import annotations

from collections.abc import Sequence

from holdfastdb_server.storage.engines.full_text import WHOLE


def score(points: int, words: Sequence[str]) -> float:
    """Return the share of the words that were found, from 0 to 1."""
    return points / (WHOLE * len(words))
