"""What commands share that use the server's settings and database directly."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from holdfastdb_server.cli.invocation import USAGE, complain, fail

if TYPE_CHECKING:
    from holdfastdb_server.config.settings import Settings
    from holdfastdb_server.storage.engines.migrations import Migrated


def load_settings(config: Path | None, profile: str, **said: object) -> Settings:
    """Load the settings. Warns of unknown variables; ends the command if a setting is wrong."""
    from holdfastdb_server.config.environment import explain_unknown_variables
    from holdfastdb_server.config.loading import SettingsRefused, load

    for warning in explain_unknown_variables(os.environ):
        complain(warning)
    try:
        return load(config, profile, **said)
    except SettingsRefused as refused:
        fail(str(refused), USAGE)


def database_file(url: str) -> Path | None:
    """The file of a SQLite URL, None for PostgreSQL. Ends the command if it is a directory.

    Raises StartupRefused for what is no URL of a database.
    """
    from holdfastdb_server.storage.engines.diagnosis import sqlite_path

    file = sqlite_path(url)
    if file is not None and file.is_dir():
        fail(f"{file.absolute()} is a directory, not a database file")
    return file


def upgrade(settings: Settings) -> Migrated:
    """Upgrade the database of the settings. Ends the command if that cannot be done."""
    from holdfastdb_server.domain.errors import DatabaseUnavailable
    from holdfastdb_server.storage.engines import migrations
    from holdfastdb_server.storage.options import StartupRefused

    options = settings.storage_options()
    try:
        file = database_file(options.url)
        if file is not None and not file.parent.is_dir():
            fail(f"there is no directory {file.parent.absolute()}")
        done = asyncio.run(migrations.upgrade(options.url, pgbouncer=options.pgbouncer))
    except DatabaseUnavailable:
        fail(f"{settings.describe()['database_url']} cannot be reached; `holdfast doctor` says why")
    except StartupRefused as refused:
        fail(str(refused))
    schema = migrations.SchemaState(done.after)
    if schema.is_newer:
        fail(schema.problem())
    return done
