"""FileLock: one server at a time has a SQLite file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from holdfastdb_server.storage.engines.diagnosis import holder
from holdfastdb_server.storage.engines.file_lock import FileLock
from holdfastdb_server.storage.options import StartupRefused


def open_files() -> int:
    """How many files this process has open."""
    return len(list(Path("/dev/fd").iterdir()))


def test_the_second_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    # As a process with a longer number has left it.
    (tmp_path / "some.db.lock").write_text("12345678901234567890\n")
    first, second = (FileLock(str(tmp_path / "some.db")) for _ in range(2))
    first.acquire()
    before = open_files()
    with pytest.raises(StartupRefused, match=rf"held by another holdfast server \(process {os.getpid()}\)"):
        second.acquire()
    assert open_files() == before
    first.release()
    second.acquire()
    second.release()


def test_a_holder_that_has_not_written_its_number_yet_is_unknown(tmp_path: Path) -> None:
    first, second = (FileLock(str(tmp_path / "some.db")) for _ in range(2))
    first.acquire()
    (tmp_path / "some.db.lock").write_text("")
    with pytest.raises(StartupRefused, match=r"\(process unknown\)"):
        second.acquire()
    first.release()


def test_without_a_directory_it_cannot_be_taken(tmp_path: Path) -> None:
    with pytest.raises(StartupRefused, match="cannot write beside"):
        FileLock(str(tmp_path / "nowhere" / "some.db")).acquire()


def test_others_may_read_the_lock_and_not_write_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        lock = FileLock(str(tmp_path / "some.db"))
        lock.acquire()
    finally:
        os.umask(before)
    lock.release()
    assert (tmp_path / "some.db.lock").stat().st_mode & 0o777 == 0o644


def test_who_holds_a_file_is_said_only_while_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    assert holder(path) == ""
    assert list(tmp_path.iterdir()) == []
    lock = FileLock(str(path))
    lock.acquire()
    assert f"process {os.getpid()}" in holder(path)
    lock.release()
    assert holder(path) == ""
    lock.acquire()
    lock.release()
