"""The clusters that the tests run on start wherever the tests are checked out."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import asyncpg
import pytest

from tests.support.postgres import PostgresCluster
from tests.support.postgres_programs import is_open_to_all, postgres_programs


@pytest.mark.postgres
@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user for PostgreSQL")
async def test_root_starts_postgresql_from_a_directory_that_nobody_else_may_enter(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    cluster = PostgresCluster(_copied_environment(private))
    try:
        cluster.start()
        connection = await asyncpg.connect(cluster.url)
        try:
            loaded = await connection.fetchval(
                "SELECT pg_read_file(format('/proc/%s/maps', pg_backend_pid()))"
            )
        finally:
            await connection.close()
    finally:
        cluster.remove()
    assert "/bin/postgres" in loaded
    assert str(private) not in loaded


def _copied_environment(directory: Path) -> Path:
    """Copy PostgreSQL, and what is installed beside it, as only root may read them; return the programs."""
    programs = postgres_programs()
    package = programs.parent.parent
    for installed in (programs.parent, *package.parent.glob(f"{package.name}.libs")):
        shutil.copytree(installed, directory / installed.relative_to(package.parent))
    copied = directory / programs.relative_to(package.parent)
    for path in directory.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
    assert not is_open_to_all(copied / "postgres")
    return copied
