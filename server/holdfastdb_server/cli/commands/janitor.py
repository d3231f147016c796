"""`holdfast janitor`: expire and delete now."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import asdict

from holdfastdb_server.cli import options
from holdfastdb_server.cli.administration import database_file, load_settings
from holdfastdb_server.cli.invocation import fail

if TYPE_CHECKING:
    from holdfastdb_server.config.settings import Settings
    from holdfastdb_server.domain.ports import SweepCounts


def janitor(
    database_url: options.DatabaseUrl = None,
    config: options.Config = None,
    profile: options.Profile = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Expire and delete now what is due, and print how many of each. Servers also do it by themselves.

    It expires sessions, approvals, leases and documents, and deletes old state versions, request ids and
    ended sessions. How old is set by HOLDFAST_SESSION_RETENTION_DAYS, HOLDFAST_STATE_VERSIONS_KEPT,
    HOLDFAST_IDEMPOTENCY_TTL_SECONDS and HOLDFAST_SESSION_PURGE_DAYS: set them as for the servers.

    Example: holdfast janitor --profile production

    On PostgreSQL, servers may run meanwhile; on SQLite, no server may have the file open. Exits with 1 if the
    database cannot be used, with 2 for a bad setting.
    """
    # insecure: no server is started, so its address needs neither TLS nor tokens.
    settings = load_settings(config, profile, database_url=database_url, insecure=True)
    swept = asdict(_sweep(settings))
    if as_json:
        typer.echo(json.dumps(swept))
        return
    for name, count in swept.items():
        if count:
            typer.echo(f"{count:>9,}  {name.replace('_', ' ')}")
    if not any(swept.values()):
        typer.echo("nothing to expire or delete")


def _sweep(settings: Settings) -> SweepCounts:
    from holdfastdb_server.domain.errors import HoldfastError
    from holdfastdb_server.observability.logs import configure_logs
    from holdfastdb_server.storage.engines.diagnosis import holder
    from holdfastdb_server.storage.options import StartupRefused

    configure_logs("error", settings.log_format)
    shown = settings.describe()["database_url"]
    try:
        file = database_file(settings.storage_options().url)
        if file is not None and not file.exists():
            fail(f"there is no file {file.absolute()}")
        if file is not None and holder(file):
            fail(f"a server has {file} open; it does this itself every HOLDFAST_JANITOR_SECONDS")
        return asyncio.run(_sweep_store(settings))
    except StartupRefused as refused:
        fail(str(refused))
    except HoldfastError:
        fail(f"{shown} cannot be reached; `holdfast doctor` says why")


async def _sweep_store(settings: Settings) -> SweepCounts:
    from holdfastdb_server.storage.store import SqlStore

    store = SqlStore(replace(settings.storage_options(), janitor_interval=0), settings.policy())
    await store.start()
    try:
        return await store.janitor.sweep(patient=True)
    finally:
        await store.close()
