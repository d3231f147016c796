"""`holdfast migrate`: bring the database to the schema of this release."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from holdfastdb_server.cli import options
from holdfastdb_server.cli.administration import load_settings, upgrade


def migrate(
    sql: Annotated[
        bool, typer.Option("--sql", help="Only print the SQL that creates PostgreSQL's schema.")
    ] = False,
    database_url: options.DatabaseUrl = None,
    config: options.Config = None,
    profile: options.Profile = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Upgrade the database's schema to this release. Safe to run at any time, and several times at once.

    Example: holdfast migrate --database-url postgresql://holdfast@db.example.com/holdfast

    Exits with 1 if the database cannot be reached or has a newer schema, with 2 for a bad setting.
    """
    if sql:
        from holdfastdb_server.storage.engines import migrations

        typer.echo(migrations.sql(), nl=False)
        return
    # insecure: no server is started, so its address needs neither TLS nor tokens.
    settings = load_settings(config, profile, database_url=database_url, insecure=True)
    shown = settings.describe()["database_url"]
    done = upgrade(settings)
    if as_json:
        typer.echo(json.dumps({"database_url": shown, "before": done.before, "after": done.after}))
    elif done.before == done.after:
        typer.echo(f"{shown} has schema {done.after} already")
    else:
        typer.echo(f"{shown}: from {done.before or 'nothing'} to schema {done.after}")
