"""Memories as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.padding import Padding
from rich.text import Text

from holdfastdb import Memory
from holdfastdb_server.cli.views import formatting

_LESSON_LENGTH = 600
_CONTEXT_LENGTH = 200


def print_memories(found: Sequence[tuple[Memory, float | None]], total: int, is_filtered: bool) -> None:
    """Memories, of which there are `total`, each with its score where it was searched for."""
    console = formatting.console()
    if not found:
        console.print("No memory is like that." if is_filtered else "There are no memories here yet.")
        return
    for memory, score in found:
        console.print(Text("  ").join(_heading(memory, score)))
        lesson, rest = formatting.shorten(
            formatting.plain(memory.lesson), _LESSON_LENGTH, "; --json shows them"
        )
        console.print(
            Padding(Text.assemble(lesson, (f" {rest}" if rest else "", "dim")), (0, 0, 0, 2), expand=False)
        )
        if memory.context:
            context, _ = formatting.shorten(formatting.one_line(memory.context), _CONTEXT_LENGTH, "")
            console.print(Padding(Text(f"when: {context}", style="dim"), (0, 0, 0, 2), expand=False))
    if total > len(found):
        console.print(f"{len(found):,} of {total:,} memories; --limit or --all shows more.", style="dim")
    else:
        console.print(f"{len(found):,} memor{'ies' if len(found) > 1 else 'y'}.", style="dim")


def _heading(memory: Memory, score: float | None) -> Iterator[Text]:
    if score is not None:
        yield Text(f"{score:4.0%}", style="bold green" if score == 1 else "green")
    yield Text(memory.memory_id, style="bold")
    if memory.tool_name:
        yield Text(formatting.one_line(memory.tool_name), style="cyan")
    yield Text(f"{memory.confidence:.0%} sure", style="" if memory.confidence >= 0.5 else "yellow")
    if memory.use_count:
        yield Text(f"used {memory.use_count:,} time{'s' if memory.use_count > 1 else ''}")
    yield Text(formatting.ago(memory.create_time), style="dim")
