"""Which appends PostgreSQL carries out in one statement, and which it leaves to be planned."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from holdfastdb_server.domain.events import AppendResult, Event
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.storage.engines.postgres import PostgresDialect
from holdfastdb_server.storage.observer import NoObserver
from holdfastdb_server.storage.postgres.appends import SingleStatementAppends
from holdfastdb_server.storage.schema import sessions
from holdfastdb_server.storage.signals import session_topic
from holdfastdb_server.storage.store import SqlStore
from holdfastdb_server.storage.write_path.entries import Append
from tests.support.content import NAMESPACE, append, create, history, note, notes


@pytest.fixture
async def store(two_stores: tuple[SqlStore, SqlStore]) -> SqlStore:
    """A started store on PostgreSQL, with a session `s`."""
    await create(two_stores[0])
    return two_stores[0]


@pytest.fixture
def published() -> set[str]:
    """The topics that were published."""
    return set()


@pytest.fixture
def writer(store: SqlStore, published: set[str]) -> SingleStatementAppends:
    """What is tested."""
    return SingleStatementAppends(store._database, PostgresDialect(), published.update, NoObserver())


def request(*events: Event, session: str = "s", expected: int | None = None) -> Append:
    return Append(NAMESPACE, session, events, expected)


async def sequences(writer: SingleStatementAppends, *requests: Append) -> list[list[int] | None]:
    """The sequences that each request has got."""
    answers = await writer.write(requests)
    return [None if answer is None else [r.sequence for r in answer.receipts] for answer in answers]


async def test_concurrent_requests_are_appended_each_in_the_order_of_its_session(
    store: SqlStore, writer: SingleStatementAppends, published: set[str]
) -> None:
    await create(store, "t")
    await append(store, note("before"))
    requests = [
        request(*notes(2, "a")),
        request(note("b"), session="t"),
        request(note("c"), expected=3),
        request(note(""), note("")),
    ]
    first, second, third, fourth = await writer.write(requests)
    assert isinstance(first, AppendResult)
    assert [(r.event_id, r.sequence) for r in first.receipts] == [("a1", 2), ("a2", 3)]
    assert first.last_sequence == 3
    assert second is not None
    assert [receipt.sequence for receipt in second.receipts] == [1]
    assert third is not None
    assert third.last_sequence == 4
    assert fourth is not None
    assert [receipt.sequence for receipt in fourth.receipts] == [5, 6]
    stored = await history(store)
    assert [event.sequence for event in stored] == [1, 2, 3, 4, 5, 6]
    assert [event.event_id for event in stored[4:]] == [receipt.event_id for receipt in fourth.receipts]
    assert {event.create_time for event in stored[1:3]} == {first.receipts[0].create_time}
    session = await store.sessions.get(NAMESPACE, "s")
    assert (session.last_sequence, session.last_activity_time) == (6, first.receipts[0].create_time)
    keys = await store._database.read(lambda connection: connection.scalars(sa.select(sessions.c.key)))
    assert published == {session_topic(key) for key in keys}
    assert len(published) == 2


@pytest.mark.parametrize(
    "requests",
    [
        [request(note("new"), session="missing")],
        [request(note("new"), note("taken"))],
        [request(note("new"), expected=2)],
        [request(note("new")), request(note("new"))],
        [request(note("new"), expected=1), request(note("other"), expected=1)],
        [request(note("new"), expected=7), request(note("other"), expected=2)],
    ],
    ids=[
        "no session",
        "a taken id",
        "a wrong guard",
        "an id twice",
        "a wrong guard after a right one",
        "a wrong guard before a right one",
    ],
)
async def test_what_fails_a_check_is_left_to_be_planned(
    store: SqlStore, writer: SingleStatementAppends, published: set[str], requests: list[Append]
) -> None:
    await create(store, "t")
    await append(store, note("taken"))
    published.clear()
    answers = await sequences(writer, *requests, request(note("fine"), session="t"))
    assert answers == [None] * len(requests) + [[1]]
    assert [event.event_id for event in await history(store)] == ["taken"]
    assert len(published) == 1


@pytest.mark.parametrize(
    "refused",
    [
        request(Event("refused", "type", body=Payload(json="{"))),
        request(Event("refused", "type", body=Payload(json="1", media_type="\ud800"))),
        request(Event("refused", "type", event_time="never")),  # type: ignore[arg-type]
        request(note("refused"), session="\ud800"),
        request(note("refused"), expected=2**63),
    ],
    ids=["no JSON", "half a pair", "no time", "half a pair in a name", "a number that is too large"],
)
async def test_what_postgresql_or_its_driver_refuses_is_left_to_be_planned(
    store: SqlStore, writer: SingleStatementAppends, refused: Append
) -> None:
    await create(store, "t")
    assert await sequences(writer, refused, request(note("fine"), session="t")) == [None, None]
    assert await sequences(writer, request(note("fine"), session="t")) == [[1]]


@pytest.mark.parametrize(
    "unfit",
    [
        Event("unfit", "type", body=Payload(json='"\ud800"')),
        Event("unfit", "\ud800"),
        Event("unfit", "type", labels={"label": "\ud800"}),
        Event("unfit", "type", labels={"label": object()}),  # type: ignore[dict-item]
    ],
    ids=["half a pair in a payload", "half a pair in a text", "half a pair in a label", "no text"],
)
async def test_what_cannot_become_a_row_fails_alone(
    store: SqlStore, writer: SingleStatementAppends, unfit: Event
) -> None:
    await create(store, "t")
    assert await sequences(writer, request(unfit), request(note("fine"), session="t")) == [None, [1]]
    refused, *fine = await asyncio.gather(
        append(store, unfit), *(append(store, n, session_id="t") for n in notes(3)), return_exceptions=True
    )
    assert isinstance(refused, Exception)
    assert not [answer for answer in fine if isinstance(answer, BaseException)]
    assert await history(store) == []


async def test_statements_of_two_servers_leave_no_gap_and_lose_nothing(
    two_stores: tuple[SqlStore, SqlStore], store: SqlStore, writer: SingleStatementAppends
) -> None:
    await create(store, "t")
    other = SingleStatementAppends(
        two_stores[1]._database, PostgresDialect(), lambda topics: None, NoObserver()
    )

    async def write(server: SingleStatementAppends, name: str) -> None:
        for turn in range(25):
            requests = [
                request(note(f"{name}-{turn}-{n}"), session=("s", "t")[(n + turn) % 2]) for n in range(6)
            ]
            assert None not in await server.write(requests)

    await asyncio.gather(*(write(server, f"{n}") for n, server in enumerate([writer, other] * 4)))
    total = 0
    for session in ("s", "t"):
        stored = await history(store, session)
        assert [event.sequence for event in stored] == list(range(1, len(stored) + 1))
        total += len({event.event_id for event in stored})
    assert total == 8 * 25 * 6
