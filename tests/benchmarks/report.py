"""What was measured, as a table."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: medians over rounds, and their ratio against the bar."""

    measure: str
    unit: str
    ours: float
    reference_name: str
    reference: float
    bar: float | None = None
    """None: there is none."""
    holds: Literal["at least", "at most"] = "at least"

    @property
    def ratio(self) -> float:
        """Ours against the reference."""
        return self.ours / self.reference

    @property
    def held(self) -> bool:
        """Whether the bar holds, if there is one."""
        if self.bar is None:
            return True
        return self.ratio >= self.bar if self.holds == "at least" else self.ratio <= self.bar


@dataclass(frozen=True, slots=True)
class Figure:
    """Something worth knowing that has no bar."""

    measure: str
    unit: str
    ours: float


@dataclass(frozen=True, slots=True)
class Skipped:
    """A comparison that this machine cannot make, and why."""

    measure: str
    reason: str


Line = Row | Figure | Skipped


def median(values: Sequence[float]) -> float:
    """Return the median of the rounds."""
    return statistics.median(values)


def percentile_99(values: Sequence[float]) -> float:
    """Return what 99 of 100 do not exceed."""
    return sorted(values)[len(values) * 99 // 100]


def show(rows: Sequence[Line], rounds: int) -> None:
    """Print the table."""
    console = Console(width=150)
    console.print(f"{machine()}; medians of {rounds} rounds, ours and the reference in turn")
    table = Table("measure", "ours", "reference", "", "ratio", "bar", "")
    for column in (1, 3, 4):
        table.columns[column].justify = "right"
    for row in rows:
        if isinstance(row, Skipped):
            table.add_row(row.measure, "", f"skipped: {row.reason}", "", "", "", "")
            continue
        if isinstance(row, Figure):
            table.add_row(row.measure, f"{row.ours:,.4g} {row.unit}", "", "", "", "", "")
            continue
        bar = "" if row.bar is None else f"{row.holds} {row.bar:g}"
        verdict = "[red]not held[/]" if not row.held else "[green]held[/]" if bar else ""
        table.add_row(
            row.measure,
            f"{row.ours:,.4g} {row.unit}",
            row.reference_name,
            f"{row.reference:,.4g} {row.unit}",
            f"{row.ratio:.2f}",
            bar,
            verdict,
        )
    console.print(table)


def machine() -> str:
    """Return what the figures were taken on."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    load = os.getloadavg()[0]
    python = platform.python_version()
    return f"{os.cpu_count()} cores of {model}, Python {python}, load {load:.1f} at the end"
