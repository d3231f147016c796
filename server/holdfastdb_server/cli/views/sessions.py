"""Sessions as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from holdfastdb import Session
from holdfastdb_server.cli.transcripts.lines import plain_numbers
from holdfastdb_server.cli.views import as_json, formatting

_WIDTHS = {"Session": 40, "User": 24, "Agent": 24}
_TITLE_MIN = 12
_GAP = 2


def print_table(found: Sequence[Session], total: int, is_filtered: bool) -> None:
    """A table of sessions, of which there are `total`. Columns that would be empty are left out."""
    console = formatting.console()
    if not found:
        console.print("No session is like that." if is_filtered else "There are no sessions here yet.")
        return
    columns: list[tuple[str, list[Text]]] = [
        ("Session", [Text(one.session_id, style="bold") for one in found]),
        ("Status", [formatting.status(one.status.value) for one in found]),
        ("User", [Text(formatting.one_line(one.user_id)) for one in found]),
        ("Agent", [Text(formatting.one_line(one.agent_id)) for one in found]),
        ("Title", [Text(formatting.one_line(one.title)) for one in found]),
        ("Latest", [Text(f"#{one.last_sequence}" if one.last_sequence else "–") for one in found]),
        ("Activity", [Text(formatting.ago(one.last_activity_time), style="dim") for one in found]),
    ]
    columns = [(name, cells) for name, cells in columns if any(cell.plain for cell in cells)]
    widths = {name: _width(name, cells) for name, cells in columns}
    left = console.width - sum(width + _GAP for name, width in widths.items() if name != "Title")
    if left < _TITLE_MIN:
        columns = [column for column in columns if column[0] != "Title"]
    widths["Title"] = min(widths.get("Title", 0), left)
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold underline")
    for name, _ in columns:
        table.add_column(
            name,
            width=widths[name],
            # An id is for copying, so it is shown whole.
            overflow="fold" if name == "Session" else "ellipsis",
            no_wrap=name != "Session",
            justify="right" if name == "Latest" else "left",
        )
    for cells in zip(*(cells for _, cells in columns), strict=True):
        table.add_row(*cells)
    console.print(table)
    if total > len(found):
        console.print(f"{len(found):,} of {total:,} sessions; --limit or --all shows more.", style="dim")
    else:
        console.print(f"{len(found):,} session{'s' if len(found) > 1 else ''}.", style="dim")


def _width(name: str, cells: Sequence[Text]) -> int:
    widest = max(len(name), *(cell.cell_len for cell in cells))
    return min(widest, _WIDTHS.get(name, widest))


def print_session(session: Session) -> None:
    """One session with all its fields that are not empty."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("session", Text(session.session_id, style="bold"))
    why = f"  {formatting.one_line(session.status_reason)}" if session.status_reason else ""
    grid.add_row("status", Text.assemble(formatting.status(session.status.value), (why, "dim")))
    for name, text in _texts(session):
        if text:
            grid.add_row(name, Text(formatting.plain(text)))
    for name, time in (
        ("created", session.create_time),
        ("updated", session.update_time),
        ("last activity", session.last_activity_time),
        ("ended", session.end_time),
        ("expires", session.expire_time),
    ):
        if time is not None:
            grid.add_row(name, Text.assemble(formatting.local(time), (f"  {formatting.ago(time)}", "dim")))
    formatting.console().print(grid)


def _texts(session: Session) -> Iterator[tuple[str, str]]:
    yield "title", session.title
    yield "user", session.user_id
    yield "agent", session.agent_id
    yield "task", session.task_id
    yield "parent", session.parent_session_id
    yield "forked at", "" if session.fork_sequence is None else f"event #{session.fork_sequence}"
    yield "labels", "\n".join(f"{key}={value}" for key, value in sorted(session.labels.items()))
    yield "metadata", as_json.dump(plain_numbers(dict(session.metadata))) if session.metadata else ""
    yield "last event", f"#{session.last_sequence}" if session.last_sequence else ""
    yield "version", str(session.version)
