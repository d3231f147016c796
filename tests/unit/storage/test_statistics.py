"""When tables are analyzed: in every period in which the database is available, whatever happened before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from holdfastdb_server.domain.errors import DatabaseUnavailable
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.postgres import analyze
from holdfastdb_server.storage.postgres.analyze import TableStatistics

# More turns of the event loop than one period takes that has no seconds.
_TURNS = 20


class Statements:
    """Notes the statements that a database is given. The first fail with these errors."""

    def __init__(self, *errors: Exception) -> None:
        self.run: list[str] = []
        self._errors = list(errors)

    async def run_at_once(self, statement: str, arguments: Sequence[Any]) -> Sequence[Any]:
        self.run.append(statement)
        await asyncio.sleep(0)
        if self._errors:
            raise self._errors.pop(0)
        return []


@pytest.fixture(autouse=True)
def period(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The seconds of a period: none, unless a test says otherwise."""
    monkeypatch.setattr(analyze, "_PERIOD_SECONDS", getattr(request, "param", 0.0))


async def refreshed(statements: Statements, is_available: Callable[[], bool] = lambda: True) -> int:
    """Return how often the tables were looked at in some turns of the event loop."""
    statistics = TableStatistics(cast("Database", statements))
    running = asyncio.create_task(statistics.run(is_available))
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return len(statements.run)


async def test_it_is_done_again_and_again() -> None:
    assert await refreshed(Statements()) > 3


@pytest.mark.parametrize("period", [3_600.0], indirect=True)
async def test_it_is_not_done_before_a_period_has_passed() -> None:
    assert await refreshed(Statements()) == 0


async def test_it_is_not_done_while_the_database_is_unavailable() -> None:
    assert await refreshed(Statements(), lambda: False) == 0


async def test_it_goes_on_after_an_error_and_only_a_defect_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await refreshed(Statements(DatabaseUnavailable(), RuntimeError("a defect"))) > 3
    (record,) = caplog.records
    assert record.exc_info
    assert isinstance(record.exc_info[1], RuntimeError)
