"""Plans as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from holdfastdb import Json, Payload, Plan, PlanItem, PlanItemStatus, PlanProgress
from holdfastdb_server.cli.views import formatting

_BAR = 20
_RESULT_LENGTH = 200
_MARKS = {
    PlanItemStatus.PENDING: ("○", ""),
    PlanItemStatus.IN_PROGRESS: ("▶", "bold yellow"),
    PlanItemStatus.COMPLETED: ("✔", "green"),
    PlanItemStatus.FAILED: ("✘", "bold red"),
    PlanItemStatus.SKIPPED: ("–", "dim"),
}


def print_table(found: Sequence[Plan], total: int, is_filtered: bool) -> None:
    """A table of plans, of which there are `total`."""
    console = formatting.console()
    if not found:
        console.print("No plan is like that." if is_filtered else "There are no plans here yet.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold underline")
    # An id is for copying, so it is shown whole.
    table.add_column("Plan", style="bold", overflow="fold", max_width=40)
    table.add_column("Status", no_wrap=True)
    table.add_column("Progress", no_wrap=True)
    table.add_column("Title", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("Session", no_wrap=True, overflow="ellipsis", max_width=24)
    table.add_column("Updated", no_wrap=True, style="dim")
    for plan in found:
        progress = plan.progress
        table.add_row(
            Text(plan.plan_id),
            formatting.status(plan.status.value),
            _bar(progress, 10) + Text(f" {progress.completed + progress.skipped}/{progress.total}"),
            Text(formatting.one_line(plan.title)),
            Text(formatting.one_line(plan.session_id)),
            Text(formatting.ago(plan.update_time)),
        )
    console.print(table)
    if total > len(found):
        console.print(f"{len(found):,} of {total:,} plans; --limit or --all shows more.", style="dim")
    else:
        console.print(f"{len(found):,} plan{'s' if len(found) > 1 else ''}.", style="dim")


def print_checklist(plan: Plan) -> None:
    """One plan with its progress and its items."""
    console = formatting.console()
    title = formatting.one_line(plan.title) or plan.plan_id
    console.print(Text.assemble((title, "bold"), "  ", formatting.status(plan.status.value)))
    about = [f"plan {plan.plan_id}", f"version {plan.version}", f"changed {formatting.ago(plan.update_time)}"]
    if plan.session_id:
        about.insert(1, f"session {formatting.one_line(plan.session_id)}")
    console.print(Text(" · ".join(about), style="dim"))
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
