"""Memories as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from rich.text import Text

from holdfastdb import Memory
from holdfastdb_server.cli.views import formatting
from holdfastdb_server.cli.views.tables import Column, Fit, print_list

_Row: TypeAlias = tuple[Memory, float | None]


def _score(row: _Row) -> str | Text:
    score = row[1]
    return "" if score is None else Text(f"{score:.0%}", "bold green" if score == 1 else "green")


def _confidence(row: _Row) -> Text:
    confidence = row[0].confidence
    return Text(f"{confidence:.0%}", "" if confidence >= 0.5 else "yellow")


_COLUMNS: tuple[Column[_Row], ...] = (
    Column("Memory", lambda row: row[0].memory_id, Fit.ID, style="bold"),
    Column("Score", _score, right=True),
    Column("Tool", lambda row: row[0].tool_name, Fit.WORD, style="cyan"),
    Column("Sure", _confidence, right=True),
    Column("Used", lambda row: f"{row[0].use_count:,}" if row[0].use_count else "", right=True),
    Column("Created", lambda row: formatting.ago(row[0].create_time), style="dim"),
    Column("Lesson", lambda row: row[0].lesson, Fit.PROSE),
    Column("Context", lambda row: row[0].context, Fit.PROSE),
)
_IMPORTANCE = ("Score", "Sure", "Created", "Tool", "Used", "Lesson", "Context")


def print_memories(found: Sequence[_Row], total: int, is_filtered: bool) -> None:
    """A list of memories, of which there are `total`, each with its score where it was searched for."""
    print_list(_COLUMNS, found, importance=_IMPORTANCE, noun="memory", total=total, is_filtered=is_filtered)
