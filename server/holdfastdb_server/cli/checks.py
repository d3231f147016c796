"""The checks of `holdfast doctor`: what each found and, unless it is ok, what to do."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from holdfastdb_server.cli.version import release
from holdfastdb_server.config.addresses import is_loopback
from holdfastdb_server.config.settings import Settings
from holdfastdb_server.storage.engines.diagnosis import Diagnosis, NotReached, diagnose, holder, sqlite_path
from holdfastdb_server.storage.options import StartupRefused

Outcome = Literal["ok", "warn", "fail"]

_SPACE_NEEDED = 1024**3
_SLOW = 0.05
_CLOCK_TOLERANCE = 1.0


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check."""

    name: str
    outcome: Outcome
    found: str
    advice: str = ""


def check_program() -> Check:
    """The releases of Holdfast, Python and gRPC."""
    parts = [f"holdfast {release()}", f"Python {platform.python_version()}"]
    return Check("program", "ok", ", ".join([*parts, f"grpcio {version('grpcio')}"]))


def check_access(settings: Settings) -> Check:
    """Who can reach the server, and how it is protected."""
    address = f"{settings.host}:{settings.port}"
    if is_loopback(settings.host):
        return Check("access", "ok", f"listens on {address}, for this machine only")
    guards = [name for name, there in (("TLS", settings.tls_cert_file), ("tokens", settings.tokens)) if there]
    if len(guards) == 2:
        return Check("access", "ok", f"listens on {address}, with TLS and tokens")
    found = f"listens on {address} with {guards[0] if guards else 'neither TLS nor tokens'}"
    return Check("access", "warn", found, "set both, or have a proxy or network policy in front")


def check_tls_files(settings: Settings) -> Iterator[Check]:
    """Whether the files for TLS can be read."""
    files = (settings.tls_cert_file, settings.tls_key_file, settings.tls_client_ca_file)
    for file in files:
        if file is not None and not os.access(file, os.R_OK):
            yield Check("TLS", "fail", f"{file} cannot be read", "check the path and who may read it")


async def check_database(settings: Settings) -> list[Check]:
    """Whether the database replies and how fast, its schema, its free connections and its clock."""
    options = settings.storage_options()
    shown = settings.describe()["database_url"]
    checks: list[Check] = []
    try:
        file = sqlite_path(options.url)
        if file is not None:
            checks = list(_check_file(file))
            if not file.exists() or any(check.outcome == "fail" for check in checks):
                return checks
        diagnosis = await diagnose(options)
    except StartupRefused as refused:
        return [Check("database", "fail", str(refused), "set HOLDFAST_DATABASE_URL or --database-url")]
    except NotReached as error:
        advice = "check the URL, that the database runs, and that it accepts connections from this machine"
        return [*checks, Check("database", "fail", f"{shown} cannot be used: {error}", advice)]
    is_slow = diagnosis.round_trip > _SLOW
    checks.append(
        Check(
            "database",
            "warn" if is_slow else "ok",
            f"{diagnosis.version} at {shown} replies in {diagnosis.round_trip * 1000:.1f} ms",
            "a write takes several round trips: run the server near the database" * is_slow,
        )
    )
    checks.append(_check_schema(diagnosis, is_file=file is not None))
    checks.extend(_check_capacity(settings, diagnosis))
    return checks


def _check_file(file: Path) -> Iterator[Check]:
    directory = file.parent
    where = file.absolute()
    if not directory.is_dir():
        yield Check("file", "fail", f"there is no directory {directory.absolute()}", "create it")
        return
    if not os.access(directory, os.W_OK) or (file.exists() and not os.access(file, os.R_OK | os.W_OK)):
        yield Check(
            "file",
            "fail",
            f"{where} cannot be written",
            "allow this user to write the file and its directory",
        )
        return
    if file.exists():
        yield Check("file", "ok", f"{where}, {file.stat().st_size / 1024**2:,.1f} MiB")
    else:
        yield Check("file", "ok", f"{where} does not exist yet; `holdfast serve` creates it")
    free = shutil.disk_usage(directory).free
    scarce = free < _SPACE_NEEDED
    yield Check(
        "disk", "warn" if scarce else "ok", f"{free / 1024**3:,.1f} GiB free", "free disk space" * scarce
    )
    held = holder(file)
    yield Check("lock", "ok", "a server has the file open" if held else "no server has the file open")


def _check_schema(diagnosis: Diagnosis, *, is_file: bool) -> Check:
    schema = diagnosis.schema
    if schema.is_current:
        return Check("schema", "ok", f"{schema.current}, this release's")
    if is_file and not schema.is_newer:
        return Check(
            "schema", "ok", f"{schema.current or 'none'}; `holdfast serve` upgrades it to {schema.head}"
        )
    advice = "run a newer holdfast" if schema.is_newer else "run `holdfast migrate`"
    return Check("schema", "fail", schema.problem(), advice)


def _check_capacity(settings: Settings, diagnosis: Diagnosis) -> Iterator[Check]:
    free, most = diagnosis.connections_free, diagnosis.connections_max
    if free is not None:
        wanted = settings.db_pool_max * settings.workers
        scarce = free < wanted
        yield Check(
            "pool",
            "warn" if scarce else "ok",
            f"up to {wanted} connections; the database has {free} of {most} free",
            "lower HOLDFAST_DB_POOL_MAX or raise max_connections, unless this server itself uses the others"
            * scarce,
        )
    if diagnosis.clock_ahead is not None:
        apart = abs(diagnosis.clock_ahead) > _CLOCK_TOLERANCE
        yield Check(
            "clock",
            "warn" if apart else "ok",
            f"the database's clock differs from this machine's by {abs(diagnosis.clock_ahead):.1f} s",
            "synchronise the clocks (NTP): the times of events come from both" * apart,
        )
