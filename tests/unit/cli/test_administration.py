"""`migrate` and `doctor` on SQLite files."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from holdfastdb_server.cli import app
from holdfastdb_server.storage.engines.file_lock import FileLock
from tests.support.databases import sqlite_path, sqlite_url
from tests.support.processes import free_port


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def database(tmp_path: Path) -> str:
    """The URL of a file that does not exist yet."""
    return sqlite_url(tmp_path / "some.db")


def checks(*arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code of doctor, and what it found, by the names of the checks."""
    code, out, _ = run("doctor", "--json", "--target", f"127.0.0.1:{free_port()}", *arguments)
    return code, {check["check"]: check for check in map(json.loads, out.splitlines())}


def test_migrate_says_from_what_to_what(database: str) -> None:
    code, out, _ = run("migrate", "--database-url", database)
    assert code == 0
    assert "from nothing to schema" in out
    code, out, _ = run("migrate", "--database-url", database)
    assert code == 0
    assert "already" in out
    code, out, _ = run("migrate", "--database-url", database, "--json")
    done = json.loads(out)
    assert done["before"] == done["after"]


def test_migrate_prints_the_sql_without_a_database() -> None:
    code, out, _ = run("migrate", "--sql")
    assert code == 0
    assert "CREATE TABLE" in out


def test_migrate_never_shows_the_password() -> None:
    url = f"postgresql://someone:secret@127.0.0.1:{free_port()}/x"
    code, out, err = run("migrate", "--database-url", url)
    assert (code, out) == (1, "")
    assert "cannot be reached" in err
    assert "secret" not in err


def test_migrate_leaves_a_newer_database_as_it_is(database: str) -> None:
    run("migrate", "--database-url", database)
    with closing(sqlite3.connect(sqlite_path(database))) as file:
        file.execute("UPDATE alembic_version SET version_num = '9999'")
        file.commit()
    code, out, err = run("migrate", "--database-url", database)
    assert (code, out) == (1, "")
    assert "9999" in err
    assert "run a newer holdfast" in err


def test_doctor_makes_no_file(database: str, tmp_path: Path) -> None:
    code, found = checks("--database-url", database)
    assert code == 0
    assert "does not exist yet" in found["file"]["found"]
    assert list(tmp_path.iterdir()) == []


def test_doctor_finds_a_migrated_file_in_order(database: str) -> None:
    run("migrate", "--database-url", database)
    code, found = checks("--database-url", database)
    assert code == 0
    assert {check["outcome"] for name, check in found.items() if name != "server"} == {"ok"}
    assert found["server"]["outcome"] == "warn"
    assert found["database"]["found"].startswith("SQLite 3")


def test_doctor_sees_that_a_server_has_the_file(database: str, tmp_path: Path) -> None:
    run("migrate", "--database-url", database)
    lock = FileLock(str(tmp_path / "some.db"))
    lock.acquire()
    _, held = checks("--database-url", database)
    lock.release()
    _, free = checks("--database-url", database)
    assert (held["lock"]["found"], free["lock"]["found"]) == (
        "a server has the file open",
        "no server has the file open",
    )


def test_doctor_fails_where_there_is_no_directory(tmp_path: Path) -> None:
    code, found = checks("--database-url", sqlite_url(tmp_path / "nowhere" / "some.db"))
    assert code == 1
    assert found["file"]["outcome"] == "fail"
    assert found["file"]["advice"] == "create it"


def test_doctor_fails_where_no_database_answers() -> None:
    code, found = checks("--database-url", f"postgresql://someone:secret@127.0.0.1:{free_port()}/x")
    assert code == 1
    assert found["database"]["outcome"] == "fail"
    assert "someone:***@" in found["database"]["found"]


def test_doctor_prints_a_table_for_people(database: str) -> None:
    run("migrate", "--database-url", database)
    code, out, _ = run("doctor", "--database-url", database, "--target", f"127.0.0.1:{free_port()}")
    assert code == 0
    assert "✓  schema" in out
    assert "→ start one with `holdfast serve`" in out
    assert "1 of 8 checks have warnings" in out
