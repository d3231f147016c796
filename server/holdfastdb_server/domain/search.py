"""The words of a text, for full-text search."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from holdfastdb_server.domain import limits
from holdfastdb_server.domain.errors import InvalidField

_ASCII_WORD = re.compile(r"[a-z0-9]+")


def words(texts: Iterable[str]) -> dict[str, None]:
    """Return the different words of the texts, in order of their first occurrence, as keys.

    A word is a sequence of letters, digits and combining marks of any script, case-folded, normalized (NFKC)
    and cut to WORD_LENGTH characters.
    """
    return dict.fromkeys(word[: limits.WORD_LENGTH] for text in texts for word in _split(text))


def _split(text: str) -> list[str]:
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(character if _is_of_word(character) else " " for character in folded).split()


def _is_of_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character)[0] == "M"


def check_query(field: str, query: str) -> tuple[str, ...]:
    """Return the different words of a query. Raises InvalidField if there are none, or too many."""
    if len(query) > limits.QUERY_LENGTH:
        raise InvalidField(field, f"has {len(query)} characters; at most {limits.QUERY_LENGTH} are allowed")
    wanted = tuple(words([query]))
    if not 1 <= len(wanted) <= limits.QUERY_WORDS:
        allowed = f"1 to {limits.QUERY_WORDS} are allowed"
        raise InvalidField(field, f"has {len(wanted)} different words; {allowed}")
    return wanted
