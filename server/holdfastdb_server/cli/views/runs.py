"""Runs as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta

from rich.text import Text

from holdfastdb import Run, RunSummary
from holdfastdb_server.cli.views import formatting
from holdfastdb_server.cli.views.tables import Column, Fit, print_list, print_none, print_rows

_COLUMNS: tuple[Column[Run], ...] = (
    Column("Run", lambda one: one.run_id, Fit.ID, style="bold"),
    Column("Status", lambda one: formatting.status(one.status.value)),
    Column("Agent", lambda one: one.agent_id, Fit.ID),
    Column("Kind", lambda one: one.kind, Fit.WORD),
    Column("Took", lambda one: _span(one.duration), right=True),
    Column("Tokens", lambda one: _count(one.usage.input_tokens + one.usage.output_tokens), right=True),
    Column("Error", lambda one: one.error, Fit.TEXT),
    Column("Started", lambda one: formatting.ago(one.start_time), style="dim"),
)
_IMPORTANCE = ("Status", "Started", "Took", "Agent", "Error", "Kind", "Tokens")
_GROUPS: tuple[Column[RunSummary], ...] = (
    Column("From", lambda one: formatting.local(one.bucket_time) if one.bucket_time else ""),
    Column("Agent", lambda one: one.agent_id, Fit.ID),
    Column("Kind", lambda one: one.kind, Fit.ID),
    Column("Status", lambda one: formatting.status(one.status.value) if one.status else ""),
)
_FIGURES: tuple[Column[RunSummary], ...] = (
    Column("Runs", lambda one: f"{one.run_count:,}", right=True),
    Column("Failed", lambda one: _count(one.failed_count), right=True),
    Column("Success", lambda one: "" if one.success_rate is None else f"{one.success_rate:.0%}", right=True),
    Column("p50", lambda one: _span(one.p50_duration), right=True),
    Column("p95", lambda one: _span(one.p95_duration), right=True),
    Column("Tokens in", lambda one: _count(one.usage.input_tokens), right=True),
    Column("Tokens out", lambda one: _count(one.usage.output_tokens), right=True),
)


def print_runs(found: Sequence[Run], total: int, is_filtered: bool) -> None:
    """A list of runs, of which there are `total`."""
    print_list(_COLUMNS, found, importance=_IMPORTANCE, noun="run", total=total, is_filtered=is_filtered)


def print_run(run: Run) -> None:
    """One run with all its fields that are not empty."""
    formatting.print_fields(_fields(run))


def _fields(run: Run) -> Iterator[tuple[str, str | Text]]:
    yield "run", formatting.ident(run.run_id, "bold")
    yield "status", formatting.status(run.status.value)
    yield "agent", formatting.ident(run.agent_id)
    yield "kind", run.kind
    yield "session", formatting.ident(run.session_id)
    yield "parent", formatting.ident(run.parent_run_id)
    yield "task", formatting.ident(run.task_id)
    yield "error", run.error
    yield "input", formatting.payload(run.input)
    yield "output", formatting.payload(run.output)
    used = ((name.replace("_", " "), count) for name, count in asdict(run.usage).items())
    yield "usage", "\n".join(f"{count:,} {name}" for name, count in used if count)
    yield "labels", formatting.labels(run.labels)
    yield "metadata", formatting.metadata(run.metadata)
    yield "trace", formatting.ident(run.trace_id)
    yield "version", str(run.version)
    yield "started", formatting.moment(run.start_time)
    if run.end_time is not None and run.duration is not None:
        took = f"  after {formatting.span(run.duration)}"
        yield "ended", Text.assemble(formatting.local(run.end_time), (took, "dim"))


def print_summaries(found: Sequence[RunSummary], is_filtered: bool) -> None:
    """A table of figures, a row a group."""
    if not found:
        print_none("run", is_filtered)
        return
    columns = [column for column in _GROUPS if any(column.cell(one) for one in found)]
    columns.extend(_FIGURES)
    print_rows(columns, found, [column.name for column in columns[1:]])


def _span(length: timedelta | None) -> str:
    return "" if length is None else formatting.span(length)


def _count(count: int) -> str:
    return f"{count:,}" if count else ""
