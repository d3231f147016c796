"""`holdfast migrate`: bring the database to the schema of this release."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfastdb_server.cli import options
from holdfastdb_server.cli.invocation import USAGE, fail

if TYPE_CHECKING:
    from holdfastdb_server.config.settings import Settings
    from holdfastdb_server.storage.engines.migrations import Migrated


def migrate(
    sql: Annotated[
        bool, typer.Option("--sql", help="Only print the SQL that makes PostgreSQL's schema from nothing.")
    ] = False,
    database_url: options.DatabaseUrl = None,
    config: options.Config = None,
    profile: options.Profile = "",
    as_json: Annotated[bool, typer.Option("--json", help="JSON for scripts.")] = False,
) -> None:
    """Upgrade the database's schema to this release's. Safe to run at any time, and by several at once.

    Example: holdfast migrate --database-url postgresql://holdfast@db.example.com/holdfast

    Exits with 1 if the database cannot be reached or is newer, with 2 for a bad setting.
    """
    if sql:
        from holdfastdb_server.storage.engines import migrations

        typer.echo(migrations.sql(), nl=False)
        return
    # It listens nowhere, so that the server's address needs no protection here.
    settings = load_settings(config, profile, database_url=database_url, insecure=True)
    shown = settings.describe()["database_url"]
    done = upgrade(settings)
    if as_json:
        typer.echo(json.dumps({"database_url": shown, "before": done.before, "after": done.after}))
    elif done.before == done.after:
        typer.echo(f"{shown} has schema {done.after} already")
    else:
        typer.echo(f"{shown}: from {done.before or 'nothing'} to schema {done.after}")


def load_settings(config: Path | None, profile: str, **said: object) -> Settings:
    """The settings of a server. Ends the command if one is wrong."""
    from holdfastdb_server.config.settings import SettingsRefused, load

    try:
        return load(config, profile, **said)
    except SettingsRefused as refused:
        fail(str(refused), USAGE)


def upgrade(settings: Settings) -> Migrated:
    """Upgrade the database of the settings. Ends the command if that cannot be done."""
    from holdfastdb_server.domain.errors import DatabaseUnavailable
    from holdfastdb_server.storage.engines import migrations
    from holdfastdb_server.storage.options import StartupRefused

    try:
        options = settings.storage_options()
        done = asyncio.run(migrations.upgrade(options.url, pgbouncer=options.pgbouncer))
    except DatabaseUnavailable:
        fail(f"{settings.describe()['database_url']} cannot be reached; `holdfast doctor` says why")
    except StartupRefused as refused:
        fail(str(refused))
    schema = migrations.SchemaState(done.after)
    if schema.is_newer:
        fail(schema.problem())
    return done
