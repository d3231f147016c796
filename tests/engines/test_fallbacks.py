"""Writes that fall back from one statement to the planned way are counted, and logged when it is a fault."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from holdfastdb_server.domain.errors import SequenceMismatch, SessionNotFound, VersionMismatch
from holdfastdb_server.domain.events import Event
from holdfastdb_server.domain.states import StateWrite
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import append, create, history, note, save, write
from tests.support.observers import CountingObserver
from tests.support.stores import StoreOpener


@pytest.fixture
def observer() -> CountingObserver:
    """What the store tells."""
    return CountingObserver()


@pytest.fixture
async def store(postgres_url: str, observer: CountingObserver) -> Any:
    """A started store on PostgreSQL, with a session `s`."""
    opener = StoreOpener(postgres_url)
    store = await opener(observer=observer)
    await create(store)
    yield store
    await opener.close()


@pytest.fixture
def refusing(store: SqlStore) -> list[Any]:
    """The store's writers, appends and saves, with statements that PostgreSQL refuses."""
    writers: list[Any] = list(store._group_commit._single_statement_writers)
    for writer in writers:
        writer._statement += " is refused"
    return writers


def warnings(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """What was logged as a warning or worse, without what every record has."""
    names = ("kind", "reason", "error", "writes")
    return [
        {name: getattr(record, name) for name in names}
        for record in caplog.records
        if record.levelno >= logging.WARNING
    ]


async def test_a_refused_statement_is_counted_and_its_writes_succeed(
    store: SqlStore, refusing: list[Any], observer: CountingObserver, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        assert await append(store, note(f"e{number}")) == [number + 1]
        assert await save(store, write("k")) == [number + 1]
    assert len(await history(store)) == 3
    assert observer.finished == {("append", "planned"): 3, ("save", "planned"): 3}
    assert observer.fell_back == {("append", "refused"): 3, ("save", "refused"): 3}
    logged = warnings(caplog)
    assert [(entry["kind"], entry["reason"], entry["writes"]) for entry in logged] == [
        ("append", "refused", 1),
        ("save", "refused", 1),
    ]
    assert all('PostgresSyntaxError: syntax error at or near "is"' in entry["error"] for entry in logged)


async def test_a_warning_after_a_minute_says_how_many_writes_fell_back_since_the_last(
    store: SqlStore, refusing: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(4):
        await append(store, note(f"e{number}"))
    refusing[0]._fallbacks._warn_at -= 60
    for number in range(4, 6):
        await append(store, note(f"e{number}"))
    assert [entry["writes"] for entry in warnings(caplog)] == [1, 4]


async def test_a_value_that_cannot_be_sent_is_counted_and_logged(
    store: SqlStore, observer: CountingObserver, caplog: pytest.LogCaptureFixture
) -> None:
    half = Payload(json='"\ud800"')
    results = await asyncio.gather(
        append(store, Event("e", "type", body=half)),
        save(store, StateWrite("k", half)),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [UnicodeEncodeError] * 2
    assert observer.fell_back == {("append", "unsendable"): 1, ("save", "unsendable"): 1}
    assert {(entry["kind"], entry["reason"]) for entry in warnings(caplog)} == set(observer.fell_back)


async def test_the_checks_of_a_write_are_counted_and_not_logged(
    store: SqlStore, observer: CountingObserver, caplog: pytest.LogCaptureFixture
) -> None:
    await append(store, note("e"))
    await save(store, write("k"), request_id="r")
    assert observer.finished == {("append", "single_statement"): 1, ("save", "single_statement"): 1}
    with pytest.raises(SequenceMismatch):
        await append(store, note("new"), expected=7)
    with pytest.raises(SessionNotFound):
        await append(store, note("new"), session_id="missing")
    with pytest.raises(VersionMismatch):
        await save(store, write("k", expected=7))
    # What was carried out before is found by its id.
    assert await append(store, note("e")) == [1]
    assert await save(store, write("k"), request_id="r") == [1]
    assert observer.finished == {
        ("append", "single_statement"): 1,
        ("append", "planned"): 3,
        ("save", "single_statement"): 1,
        ("save", "planned"): 2,
    }
    assert observer.fell_back == {("append", "checks"): 3, ("save", "checks"): 2}
    assert warnings(caplog) == []
