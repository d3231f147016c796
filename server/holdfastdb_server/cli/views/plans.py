"""Plans as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from holdfastdb import Json, Payload, Plan, PlanItem, PlanItemStatus, PlanProgress
from holdfastdb_server.cli.views import formatting
from holdfastdb_server.cli.views.tables import Column, Fit, print_list

_BAR = 20
_RESULT_LENGTH = 200
_MARKS = {
    PlanItemStatus.PENDING: ("○", ""),
    PlanItemStatus.IN_PROGRESS: ("▶", "bold yellow"),
    PlanItemStatus.COMPLETED: ("✔", "green"),
    PlanItemStatus.FAILED: ("✘", "bold red"),
    PlanItemStatus.SKIPPED: ("–", "dim"),
    PlanItemStatus.UNRECOGNIZED: ("?", ""),
}
_COLUMNS: tuple[Column[Plan], ...] = (
    Column("Plan", lambda one: one.plan_id, Fit.ID, style="bold"),
    Column("Status", lambda one: formatting.status(one.status.value)),
    Column("Progress", lambda one: _progress(one.progress)),
    Column("Title", lambda one: one.title, Fit.TEXT),
    Column("Session", lambda one: one.session_id, Fit.ID),
    Column("Updated", lambda one: formatting.ago(one.update_time), style="dim"),
)
_IMPORTANCE = ("Status", "Progress", "Updated", "Title", "Session")


def print_plans(found: Sequence[Plan], total: int, is_filtered: bool) -> None:
    """A list of plans, of which there are `total`."""
    print_list(_COLUMNS, found, importance=_IMPORTANCE, noun="plan", total=total, is_filtered=is_filtered)


def _progress(progress: PlanProgress) -> Text:
    return _bar(progress, 10) + Text(f" {progress.completed + progress.skipped}/{progress.total}")


def print_checklist(plan: Plan) -> None:
    """One plan with its progress and its items."""
    console = formatting.console()
    title = formatting.one_line(plan.title) or plan.plan_id
    console.print(Text.assemble((title, "bold"), "  ", formatting.status(plan.status.value)))
    for what, ident in (("plan", plan.plan_id), ("session", plan.session_id)):
        if ident:
            console.print(Text(f"{what} {formatting.plain(ident)}", style="dim"), soft_wrap=True)
    about = f"version {plan.version} · changed {formatting.ago(plan.update_time)}"
    console.print(Text(about, style="dim"))
    if not plan.items:
        console.print("It has no items yet.")
        return
    console.print(Text.assemble(_bar(plan.progress, _BAR), "  ", ", ".join(_counts(plan.progress))))
    console.print()
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    places = {item.item_id: item.position for item in plan.items}
    done = {item.item_id for item in plan.items if _is_done(item)}
    for item in plan.items:
        mark, style = _MARKS[item.status]
        lines = Text("\n").join(_lines(item, [places[one] for one in item.depends_on if one not in done]))
        grid.add_row(Text(mark, style=style), str(item.position), lines)
    console.print(grid)


def _is_done(item: PlanItem) -> bool:
    return item.status in (PlanItemStatus.COMPLETED, PlanItemStatus.SKIPPED)


def _bar(progress: PlanProgress, width: int) -> Text:
    full = 0 if not progress.total else (progress.completed + progress.skipped) * width // progress.total
    return Text.assemble(("█" * full, "green"), ("░" * (width - full), "dim"))


def _counts(progress: PlanProgress) -> Iterator[str]:
    yield f"{progress.completed} of {progress.total} done"
    for count, what in (
        (progress.in_progress, "in progress"),
        (progress.failed, "failed"),
        (progress.skipped, "skipped"),
        (progress.ready, "ready to begin"),
    ):
        if count:
            yield f"{count} {what}"


def _lines(item: PlanItem, waits_for: Sequence[int]) -> Iterator[Text]:
    style = "dim" if _is_done(item) else "bold" if item.status is PlanItemStatus.IN_PROGRESS else ""
    what = Text(formatting.plain(item.description), style=style)
    if waits_for and item.status is PlanItemStatus.PENDING:
        what.append(f"  waits for {', '.join(map(str, waits_for))}", style="yellow")
    yield what
    for criterion in item.acceptance_criteria:
        yield Text(f"  · {formatting.plain(criterion)}", style="dim")
    if item.result is not None:
        yield Text(f"  → {_result(item.result)}", style="cyan")


def _result(result: Payload) -> str:
    if not isinstance(result, Json):
        return f"{len(result.value):,} bytes"
    text = result.value if isinstance(result.value, str) else result.text
    shown, rest = formatting.shorten(formatting.one_line(text), _RESULT_LENGTH, "; --json shows them")
    return f"{shown} {rest}".rstrip()
