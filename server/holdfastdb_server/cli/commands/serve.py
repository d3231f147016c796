"""`holdfast serve`: run the server."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfastdb_server.cli import options
from holdfastdb_server.cli.administration import load_settings, upgrade
from holdfastdb_server.cli.invocation import complain, program
from holdfastdb_server.cli.target import reachable_address
from holdfastdb_server.cli.version import release
from holdfastdb_server.config.addresses import DEFAULT_HOST, DEFAULT_PORT, join_address

if TYPE_CHECKING:
    from holdfastdb_server.app import Started

_LISTEN = "Listening"
_DATA = "Data"


class LogLevel(StrEnum):
    """The least severity that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def serve(
    host: Annotated[
        str | None,
        typer.Option("--host", metavar="ADDRESS", help="[default: 127.0.0.1]", rich_help_panel=_LISTEN),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", metavar="PORT", help="0: any free port. [default: 7420]", rich_help_panel=_LISTEN
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="NUMBER",
            help="Processes that listen on the port; more than 1 needs PostgreSQL. [default: 1]",
            rich_help_panel=_LISTEN,
        ),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            "--metrics-port",
            metavar="PORT",
            help="Serve metrics for Prometheus on this port.",
            rich_help_panel=_LISTEN,
        ),
    ] = None,
    insecure: options.Insecure = False,
    database_url: options.DatabaseUrl = None,
    migrate: Annotated[
        bool,
        typer.Option("--migrate", help="Upgrade PostgreSQL's schema first. SQLite's is always upgraded."),
    ] = False,
    config: options.Config = None,
    profile: options.Profile = "",
    log_level: Annotated[
        LogLevel | None,
        typer.Option(
            "--log-level",
            metavar="LEVEL",
            help="Log to stderr from this level: debug, info, warning or error. [default: info]",
        ),
    ] = None,
) -> None:
    """Run the server. Without options it listens on 127.0.0.1:7420 and stores in ./holdfast.db (SQLite).

    Each setting is also an environment variable HOLDFAST_… and a line in the settings file. Options override
    variables, which override the file.

    Example: holdfast serve --port 8000 --database-url postgresql://holdfast@db.example.com/holdfast --migrate

    Ctrl-C or SIGTERM lets running calls finish, then stops it. Exits with 1 if it cannot start, with 2 for a
    bad setting.
    """
    settings = load_settings(
        config,
        profile,
        host=host,
        port=port,
        workers=workers,
        metrics_port=metrics_port,
        insecure=insecure or None,
        database_url=database_url,
        log_level=log_level.value if log_level else None,
    )
    if migrate:
        done = upgrade(settings)
        if done.before != done.after:
            complain(f"upgraded the database from {done.before or 'nothing'} to schema {done.after}")
    if settings.workers > 1:
        from holdfastdb_server import workers as several

        raise typer.Exit(several.run(settings, print_banner))
    from holdfastdb_server import app

    raise typer.Exit(app.run(settings, print_banner))


def print_banner(started: Started) -> None:
    """Print where the server listens, where the data is, and commands to try."""
    guards = [name for name, there in (("TLS", started.has_tls), ("tokens", started.needs_token)) if there]
    host, _, port = started.address.rpartition(":")
    target = reachable_address(host, int(port))
    options = "" if target == join_address(DEFAULT_HOST, DEFAULT_PORT) else f" --target {target}"
    options += " --tls" * started.has_tls
    lines = [
        ("address", started.address + (f" ({' and '.join(guards)})" if guards else "")),
        ("data", _place(started.database)),
    ]
    if started.workers > 1:
        lines.append(("workers", str(started.workers)))
    if not started.is_available:
        warning = "the database does not answer yet: calls are UNAVAILABLE until it does"
        lines.append(("", typer.style(warning, fg=typer.colors.YELLOW)))
    if started.metrics_url:
        further = "; each further worker on the next port" if started.workers > 1 else ""
        lines.append(("metrics", started.metrics_url + further))
    holdfast = program()
    lines.append(("try", f"{holdfast} doctor{options}"))
    lines.append(("", f"{holdfast} import transcripts.jsonl{options}"))
    lines.append(("", f"{holdfast} sessions{options}"))
    if started.needs_token:
        lines.append(("", "with HOLDFAST_TOKEN set to one of the tokens"))
    title = typer.style(f"Holdfast {release()}", bold=True)
    # Without Rich: the first call would wait until it is loaded.
    typer.echo(f"{title} is serving; Ctrl-C stops it")
    for name, text in lines:
        typer.echo(f"  {typer.style(name.ljust(7), dim=True)}  {text}")


def _place(url: str) -> str:
    """The URL, or the absolute path of a SQLite file."""
    file = url.removeprefix("sqlite:///")
    return url if file == url else f"{Path(file).absolute()} (SQLite)"
