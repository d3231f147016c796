"""Runs as people read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rich.table import Table
from rich.text import Text

from holdfastdb import Run, RunSummary
from holdfastdb_server.cli.transcripts.lines import plain_numbers
from holdfastdb_server.cli.views import as_json, formatting


def print_table(found: Sequence[Run], total: int, is_filtered: bool) -> None:
    """A table of runs, of which there are `total`."""
    console = formatting.console()
    if not found:
        console.print("No run is like that." if is_filtered else "There are no runs here yet.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold underline")
    # An id is for copying, so it is shown whole.
    table.add_column("Run", style="bold", overflow="fold", max_width=40)
    table.add_column("Status", no_wrap=True)
    table.add_column("Agent", no_wrap=True, overflow="ellipsis", max_width=24)
    table.add_column("Kind", no_wrap=True, overflow="ellipsis", max_width=16)
    table.add_column("Took", no_wrap=True, justify="right")
    table.add_column("Tokens", no_wrap=True, justify="right")
    table.add_column("Error", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("Started", no_wrap=True, style="dim")
    for run in found:
        table.add_row(
            Text(run.run_id),
            formatting.status(run.status.value),
            Text(formatting.one_line(run.agent_id)),
            Text(formatting.one_line(run.kind)),
            "" if run.duration is None else formatting.span(run.duration),
            _tokens(run.usage.input_tokens + run.usage.output_tokens),
            Text(formatting.one_line(run.error)),
            formatting.ago(run.start_time),
        )
    console.print(table)
    if total > len(found):
        console.print(f"{len(found):,} of {total:,} runs; --limit or --all shows more.", style="dim")
    else:
        console.print(f"{len(found):,} run{'s' if len(found) > 1 else ''}.", style="dim")


def print_run(run: Run) -> None:
    """One run with all its fields that are not empty."""
    grid = formatting.fields()
    grid.add_row("run", Text(run.run_id, style="bold"))
    grid.add_row("status", formatting.status(run.status.value))
    for name, text in _texts(run):
        if text:
            grid.add_row(name, Text(formatting.plain(text)))
    grid.add_row("started", formatting.moment(run.start_time))
    if run.end_time is not None and run.duration is not None:
        took = f"  after {formatting.span(run.duration)}"
        grid.add_row("ended", Text.assemble(formatting.local(run.end_time), (took, "dim")))
    formatting.console().print(grid)


def _texts(run: Run) -> Iterator[tuple[str, str]]:
    yield "agent", run.agent_id
    yield "kind", run.kind
    yield "session", run.session_id
    yield "parent", run.parent_run_id
    yield "task", run.task_id
    yield "error", run.error
    yield "input", formatting.payload(run.input)
    yield "output", formatting.payload(run.output)
    used = ((name.replace("_", " "), count) for name, count in as_json.usage(run.usage).items())
    yield "usage", "\n".join(f"{count:,} {name}" for name, count in used if count)
    yield "labels", "\n".join(f"{key}={value}" for key, value in sorted(run.labels.items()))
    yield "metadata", as_json.dump(plain_numbers(dict(run.metadata))) if run.metadata else ""
    yield "trace", run.trace_id
    yield "version", str(run.version)


def print_summaries(found: Sequence[RunSummary], is_filtered: bool) -> None:
    """A table of figures, a row a group."""
    console = formatting.console()
    if not found:
        console.print("No run is like that." if is_filtered else "There are no runs here yet.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold underline")
    groups: tuple[tuple[str, Callable[[RunSummary], Text]], ...] = (
        ("From", lambda one: Text("" if one.bucket_time is None else formatting.local(one.bucket_time))),
        ("Agent", lambda one: Text(formatting.one_line(one.agent_id))),
        ("Kind", lambda one: Text(formatting.one_line(one.kind))),
        ("Status", lambda one: Text("") if one.status is None else formatting.status(one.status.value)),
    )
    shown = [(name, cell) for name, cell in groups if any(cell(one) for one in found)]
    for name, _ in shown:
        table.add_column(name, no_wrap=True, overflow="ellipsis", max_width=30)
    for name in ("Runs", "Failed", "Success", "p50", "p95", "Tokens in", "Tokens out"):
        table.add_column(name, no_wrap=True, justify="right")
    for one in found:
        table.add_row(
            *(cell(one) for _, cell in shown),
            f"{one.run_count:,}",
            f"{one.failed_count:,}" if one.failed_count else "",
            "" if one.success_rate is None else f"{one.success_rate:.0%}",
            "" if one.p50_duration is None else formatting.span(one.p50_duration),
            "" if one.p95_duration is None else formatting.span(one.p95_duration),
            _tokens(one.usage.input_tokens),
            _tokens(one.usage.output_tokens),
        )
    console.print(table)


def _tokens(count: int) -> str:
    return f"{count:,}" if count else ""
