"""`holdfast doctor`: check the settings, the database and the server."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer

from holdfastdb_server.cli import options
from holdfastdb_server.cli.administration import load_settings
from holdfastdb_server.cli.invocation import FAILED
from holdfastdb_server.cli.probe import ask
from holdfastdb_server.cli.target import reachable_address

if TYPE_CHECKING:
    from holdfastdb_server.cli.checks import Check
    from holdfastdb_server.config.settings import Settings

_SIGNS = {"ok": ("✓", "green"), "warn": ("!", "bold yellow"), "fail": ("✗", "bold red")}


def doctor(
    database_url: options.DatabaseUrl = None,
    config: options.Config = None,
    profile: options.Profile = "",
    insecure: options.Insecure = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one check a line.")] = False,
    target: options.Target = None,
    tls: options.Tls = False,
) -> None:
    """Check the settings, the database and the server, and print what to do about each problem.

    Example: holdfast doctor --profile production

    Exits with 1 if a check fails, with 2 for a bad setting.
    """
    settings = load_settings(config, profile, database_url=database_url, insecure=insecure or None)
    checks = _checks(settings, target or reachable_address(settings.host, settings.port), tls)
    if as_json:
        for check in checks:
            described = {"check": check.name, "outcome": check.outcome, "found": check.found}
            typer.echo(json.dumps({**described, "advice": check.advice}))
    else:
        _print(checks)
    if any(check.outcome == "fail" for check in checks):
        raise typer.Exit(FAILED)


def _checks(settings: Settings, target: str, tls: bool) -> list[Check]:
    from holdfastdb_server.cli.checks import check_access, check_database, check_program, check_tls_files

    return [
        check_program(),
        check_access(settings),
        *check_tls_files(settings),
        *asyncio.run(check_database(settings)),
        _check_server(target, tls or settings.tls_cert_file is not None),
    ]


def _check_server(target: str, tls: bool) -> Check:
    from holdfastdb_server.cli.checks import Check

    status = ask(target, tls=tls, timeout=3)
    if status == "SERVING":
        return Check("server", "ok", f"{target} is serving")
    if status == "NOT_SERVING":
        return Check(
            "server",
            "fail",
            f"{target} answers but is not serving",
            "see the database above, and the server's log",
        )
    return Check(
        "server", "warn", f"no server answers at {target} ({status})", "start one with `holdfast serve`"
    )


def _print(checks: list[Check]) -> None:
    from rich.table import Table
    from rich.text import Text

    from holdfastdb_server.cli.views import formatting

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for check in checks:
        sign, style = _SIGNS[check.outcome]
        text = Text(formatting.one_line(check.found))
        if check.advice:
            text.append(f"\n→ {check.advice}", style)
        grid.add_row(Text(sign, style), check.name, text)
    console = formatting.console()
    console.print(grid)
    failures, warnings = (sum(check.outcome == outcome for check in checks) for outcome in ("fail", "warn"))
    if failures:
        console.print(f"\n{failures} of {len(checks)} checks failed.", style="bold red")
    elif warnings:
        console.print(f"\nIt works; {warnings} of {len(checks)} checks have warnings.", style="yellow")
    else:
        console.print("\nAll checks passed.", style="green")
