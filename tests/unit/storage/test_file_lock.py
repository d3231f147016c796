"""FileLock: one server at a time has a SQLite file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from holdfastdb_server.storage.engines.file_lock import FileLock
from holdfastdb_server.storage.options import StartupRefused


def test_the_second_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    first, second = (FileLock(str(tmp_path / "some.db")) for _ in range(2))
    first.acquire()
    with pytest.raises(StartupRefused, match=rf"held by another holdfast server \(process {os.getpid()}\)"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_without_a_directory_it_cannot_be_taken(tmp_path: Path) -> None:
    with pytest.raises(StartupRefused, match="cannot write beside"):
        FileLock(str(tmp_path / "nowhere" / "some.db")).acquire()
