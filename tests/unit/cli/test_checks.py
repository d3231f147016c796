"""What `doctor` says of each finding, without a server."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from holdfastdb_server.cli import checks, version
from holdfastdb_server.config.settings import Settings
from tests.support.databases import SqliteDatabases, sqlite_url

OUTSIDE: dict[str, Any] = {"host": "0.0.0.0", "insecure": True}
TLS: dict[str, Any] = {"tls_cert_file": Path("cert.pem"), "tls_key_file": Path("key.pem")}
TOKENS: dict[str, Any] = {"tokens": [{"token": "secret"}]}


def test_what_runs_from_source_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(version, "version", missing)
    assert version.release() == "(from source)"


@pytest.mark.parametrize(
    ("settings", "outcome", "found"),
    [
        ({}, "ok", "for this machine only"),
        ({**OUTSIDE, **TLS, **TOKENS}, "ok", "with TLS and tokens"),
        ({**OUTSIDE, **TLS}, "warn", "with TLS"),
        ({**OUTSIDE, **TOKENS}, "warn", "with tokens"),
        (OUTSIDE, "warn", "with neither TLS nor tokens"),
    ],
)
def test_who_can_reach_the_server_is_told(settings: dict[str, Any], outcome: str, found: str) -> None:
    check = checks.check_access(Settings(**settings))
    assert (check.outcome, check.found.endswith(found)) == (outcome, True), check
    assert bool(check.advice) == (outcome == "warn")


def test_files_for_tls_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    certificate = tmp_path / "cert.pem"
    certificate.write_text("")
    settings = Settings(tls_cert_file=certificate, tls_key_file=tmp_path / "key.pem")
    (check,) = checks.check_tls_files(settings)
    assert (check.outcome, check.found) == ("fail", f"{tmp_path}/key.pem cannot be read")


async def test_a_database_url_that_is_none_is_told() -> None:
    (check,) = await checks.check_database(Settings.model_validate({"database_url": "sqlite://"}))
    assert (check.name, check.outcome) == ("database", "fail")
    assert "SQLite needs a file" in check.found
    assert "HOLDFAST_DATABASE_URL" in check.advice


async def test_a_slow_database_is_a_warning(sqlite: SqliteDatabases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_SLOW", 0.0)
    async with sqlite.fresh() as url:
        found = await checks.check_database(Settings.model_validate({"database_url": url}))
    (database,) = [check for check in found if check.name == "database"]
    assert database.outcome == "warn"
    assert "run the server near the database" in database.advice


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "some.db").write_bytes(b"not SQLite" * 1_000)
    settings = Settings.model_validate({"database_url": sqlite_url(tmp_path / "some.db")})
    *_, check = await checks.check_database(settings)
    assert (check.name, check.outcome) == ("database", "fail")
    assert "cannot be used" in check.found
