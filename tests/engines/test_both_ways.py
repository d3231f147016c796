"""Whatever is asked of them, both ways to write give the same answers and leave the same rows."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.events import AppendResult, Event
from holdfastdb_server.domain.sessions import SessionStatus, Transition
from holdfastdb_server.domain.states import StateWrite
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.storage.schema import metadata
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import create, move
from tests.support.databases import PostgresDatabases
from tests.support.examples import few
from tests.support.lent_stores import PLANNED
from tests.support.observers import CountingObserver
from tests.support.stores import StoreOpener

pytestmark = pytest.mark.postgres

Request = Callable[[SqlStore, str], Awaitable[Any]]

PAYLOADS = [
    Payload(json="1"),
    Payload(json='{"a": [1, 2.50, 1e400, -0.0]}'),
    Payload(json=str(10**40)),
    Payload(json='"\\u0000"'),
    Payload(json='"\\ud800"'),
    Payload(data=b"\0\xff", media_type="x/y"),
    Payload(data=b""),
]
BAD_PAYLOADS = [Payload(json='"\ud800"'), Payload(json='"\0"'), Payload(json="{"), Payload(json="")]
TEXTS = ["", "plain", "🦑", "'; --", "\\u0000"]
BAD_TEXTS = ["\0", "\ud800"]


def _appends(session_id: str, events: Sequence[Event], expected: int | None) -> Request:
    return lambda store, namespace: store.events.append(namespace, session_id, events, expected)


def _saves(session_id: str, writes: Sequence[StateWrite], request_id: str) -> Request:
    return lambda store, namespace: store.states.save(namespace, session_id, writes, request_id)


def _end(session_id: str) -> Request:
    move = Transition(SessionStatus.EXPIRED)
    return lambda store, namespace: store.sessions.transition(namespace, session_id, move)


def _batches(is_odd: bool) -> st.SearchStrategy[list[list[Request]]]:
    """Batches of requests that meet; `is_odd`: with values that PostgreSQL or its driver refuses.

    A batch has requests of one kind: between an append and a save at once nothing says which is first.
    """

    def some(usual: Sequence[Any], odd: Sequence[Any]) -> st.SearchStrategy[Any]:
        return st.sampled_from([*usual, *(odd if is_odd else ())])

    sessions = some(["a", "a", "b", "b", "c", "d", "ended", "missing"], ["\ud800", "a\0"])
    texts, payloads = some(TEXTS, BAD_TEXTS), some(PAYLOADS, BAD_PAYLOADS)
    numbers = some([None] * 9 + list(range(6)), [-1, 2**63 - 1, 2**63, 10**30])
    events = st.builds(
        Event,
        some(["", "", "", "", "e1", "e2", "e3", "e4", "e5", "e6"], BAD_TEXTS),
        some(["note", "other"], BAD_TEXTS),
        actor=texts,
        body=st.none() | payloads,
        labels=st.dictionaries(some(["l", "m"], BAD_TEXTS), texts, max_size=2),
    )
    writes = st.builds(
        StateWrite,
        some(["k", "l", "m", "key of 🦑"], BAD_TEXTS),
        payloads,
        metadata=some([{}, {"m": 1}, {"m": 10**20}], [{"m": "\0"}, {"m": "\ud800"}]),
        run_id=texts,
        expected_version=numbers,
    )
    appends = st.builds(_appends, sessions, st.lists(events, min_size=1, max_size=3), numbers)
    two_keys = st.lists(writes, min_size=1, max_size=2, unique_by=lambda wanted: wanted.key)
    saves = st.builds(_saves, sessions, two_keys, some(["", "", "r1", "r2", "r3", "r4"], BAD_TEXTS))
    ends = st.builds(_end, st.sampled_from(["a", "b"]))
    batch = st.one_of(
        st.lists(appends, min_size=1, max_size=5),
        st.lists(saves, min_size=1, max_size=5),
        st.lists(ends, min_size=1, max_size=1),
    )
    return st.lists(batch, min_size=1, max_size=6)


PLAIN = [
    [_appends("a", [Event("", "note")], None), _appends("b", [Event("e1", "note")], 0)],
    [_saves("a", [StateWrite("k", PAYLOADS[0])], ""), _saves("b", [StateWrite("k", PAYLOADS[1])], "r1")],
]
"""Requests that one statement can carry out."""

AGAIN = st.lists(st.integers(0, 5), max_size=4)
"""The places of batches that are sent once more."""


class Pair:
    """Two stores, each on a database of its own: one writes in single statements, the other plans."""

    def __init__(self, stores: Sequence[SqlStore], run: Callable[..., Any]) -> None:
        self._stores = stores
        self._run = run
        self._numbers = count(1)

    def play(self, batches: Sequence[Sequence[Request]], repeated: Sequence[int]) -> list[Any]:
        """Send batch after batch to a namespace with sessions, then some again; return what each has made."""
        batches = [*batches, *(batches[place] for place in repeated if place < len(batches))]
        namespace = f"example-{next(self._numbers)}"
        return [self._run(_played(store, namespace, batches)) for store in self._stores]


async def _played(store: SqlStore, namespace: str, batches: Sequence[Sequence[Request]]) -> Any:
    for session_id in ("a", "b", "c", "d", "ended"):
        await create(store, session_id, namespace=namespace)
    await move(store, "ended", SessionStatus.COMPLETED, namespace)
    answers = []
    for batch in batches:
        calls = (request(store, namespace) for request in batch)
        answers += [_normal(one) for one in await asyncio.gather(*calls, return_exceptions=True)]
    return answers, await _rows(store, namespace)


def _normal(answer: Any) -> str:
    """Return an answer or an error without times, and without ids of the storage's own."""
    if isinstance(answer, BaseException):
        return f"{type(answer).__name__}: {getattr(answer, 'metadata', '')}"
    if isinstance(answer, AppendResult):
        receipts = [(_known(receipt.event_id), receipt.sequence) for receipt in answer.receipts]
        return f"{receipts}, {answer.last_sequence}"
    return re.sub(r"datetime\.datetime\([^)]*\)+", "TIME", repr(answer))


def _known(event_id: str) -> str:
    return event_id if len(event_id) < 10 else "MADE"


async def _rows(store: SqlStore, namespace: str) -> dict[str, list[str]]:
    """Return the rows of all tables, in which sessions are called by their ids."""
    names: dict[int, str] = {}
    found: dict[str, list[str]] = {}
    for table in metadata.sorted_tables:
        if "namespace" not in table.c:
            continue
        rows = await store._database.read(partial(_select, sa.select(table), table.c.namespace == namespace))
        if table.name == "sessions":
            names = {row.key: row.id for row in rows}
        found[table.name] = sorted(
            repr([_value(c, v, names) for c, v in row._mapping.items()]) for row in rows
        )
    return found


async def _select(query: sa.Select[Any], where: Any, connection: AsyncConnection) -> Sequence[Any]:
    rows: Sequence[Any] = (await connection.execute(query.where(where))).all()
    return rows


def _value(column: str, value: Any, names: dict[int, str]) -> Any:
    if column.endswith("_time") or (column == "key" and isinstance(value, int)):
        return column, value is not None
    if column == "session_key" and value is not None:
        return column, names[value]
    if column == "event_id":
        return column, _known(value)
    if column == "result":
        return column, json.loads(re.sub(r"\b\d{16}\b", "0", value))
    return column, value


@pytest.fixture
def observer() -> CountingObserver:
    """Sees which way the first store takes."""
    return CountingObserver()


@pytest.fixture
async def urls(postgres: PostgresDatabases) -> Any:
    """The URLs of two empty databases."""
    async with postgres.reused() as one, postgres.reused() as other:
        yield one, other


@pytest.fixture
def pair(urls: tuple[str, str], observer: CountingObserver) -> Iterator[Pair]:
    """The two stores, for examples that know nothing of asyncio."""
    openers = [StoreOpener(urls[0]), StoreOpener(urls[1], **PLANNED)]
    with asyncio.Runner() as runner:
        stores = [runner.run(openers[0](observer=observer)), runner.run(openers[1]())]
        yield Pair(stores, runner.run)
        for opener in openers:
            runner.run(opener.close())


def test_both_ways_answer_and_write_the_same(pair: Pair, observer: CountingObserver) -> None:
    @few(50)
    @example(PLAIN, [])
    @given(st.sampled_from([False, False, False, True]).flatmap(_batches), AGAIN)
    def play(batches: list[list[Request]], again: list[int]) -> None:
        (answers, rows), (planned_answers, planned_rows) = pair.play(batches, again)
        assert answers == planned_answers
        for table, found in rows.items():
            assert found == planned_rows[table], table

    play()
    # Otherwise two planned ways were compared.
    assert observer.finished["append", "single_statement"] >= len(PLAIN[0])
    assert observer.finished["save", "single_statement"] >= len(PLAIN[1])
    assert observer.fell_back.keys() >= {(kind, "checks") for kind in ("append", "save")}
