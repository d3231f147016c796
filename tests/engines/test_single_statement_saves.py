"""Which saves PostgreSQL carries out in one statement, and which it leaves to be planned."""

from __future__ import annotations

import asyncio
import json
from unittest import mock

import pytest

from holdfastdb_server.domain.sessions import SessionStatus
from holdfastdb_server.domain.states import State, StateWrite
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.storage.engines.postgres import PostgresDialect
from holdfastdb_server.storage.observer import NoObserver
from holdfastdb_server.storage.postgres.saves import _MAX_OVERDUE_VERSIONS, SingleStatementSaves
from holdfastdb_server.storage.store import SqlStore
from holdfastdb_server.storage.write_path.entries import Save
from tests.support.content import (
    NAMESPACE,
    append,
    create,
    load_json,
    move,
    notes,
    save,
    write,
)
from tests.support.explained import plan_nodes, rows_looked_at
from tests.support.saves import KEPT, request, saved, stored


@pytest.fixture
async def store(two_stores: tuple[SqlStore, SqlStore]) -> SqlStore:
    """A started store on PostgreSQL, with a session `s`."""
    await create(two_stores[0])
    return two_stores[0]


@pytest.fixture
def writer(store: SqlStore) -> SingleStatementSaves:
    """What is tested."""
    return SingleStatementSaves(store._database, PostgresDialect(), KEPT, NoObserver())


async def test_concurrent_requests_are_saved_each_in_the_order_of_its_key(
    store: SqlStore, writer: SingleStatementSaves
) -> None:
    await create(store, "t")
    await append(store, *notes(2))
    await save(store, write("a", "0"), write("b", "0"))
    requests = [
        request(write("a", "1", run_id="run", metadata={"m": 1}), write("b", "1")),
        request(write("a", "1"), session="t", request_id="r"),
        request(write("b", "2", expected=2), write("a", "2", expected=2), request_id="r"),
        request(write("b", payload=Payload(data=b"\0\xff", media_type="x/y"))),
    ]
    answers = await writer.write(requests)
    assert [[(s.key, s.version) for s in answer] for answer in answers] == [
        [("a", 2), ("b", 2)],
        [("a", 1)],
        [("b", 3), ("a", 3)],
        [("b", 4)],
    ]
    first, _, third, fourth = answers
    now = first[0].create_time
    assert first[0] == State("a", 2, None, {"m": 1}, "run", 2, now)
    assert await load_json(store, "a", 2) == "1"
    binary = await store.states.load(NAMESPACE, "s", "b", None)
    assert (binary.version, binary.payload) == (4, Payload(data=b"\0\xff", media_type="x/y"))
    assert (await store.sessions.get(NAMESPACE, "s")).last_activity_time == now
    # Its answer is remembered as it would be where it is planned.
    again = await store.states.save(NAMESPACE, "s", requests[2].writes, "r")
    assert again == third
    assert fourth[0].session_sequence == 2


@pytest.mark.parametrize(
    "requests",
    [
        [request(write("new"), session="missing")],
        [request(write("new"), session="ended")],
        [request(write("new"), request_id="taken")],
        [request(write("new"), write("k", expected=2))],
        [request(write("new"), write("other", expected=1))],
        [request(write("new"), write("other", expected=0))],
        [request(write("new"), request_id="r"), request(write("new"), request_id="r")],
        [request(write("k", expected=1)), request(write("k", expected=1))],
    ],
    ids=[
        "no session",
        "an ended session",
        "a taken id",
        "a wrong guard",
        "a guard of what is not there",
        "a guard against what is there",
        "an id twice",
        "guards that differ",
    ],
)
async def test_what_fails_a_check_is_left_to_be_planned(
    store: SqlStore, writer: SingleStatementSaves, requests: list[Save]
) -> None:
    await create(store, "t")
    await create(store, "ended")
    await move(store, "ended", SessionStatus.COMPLETED)
    await save(store, write("k"), request_id="taken")
    answers = await saved(writer, *requests, request(write("fine"), session="t"))
    assert answers == [None] * len(requests) + [[1]]
    assert await stored(store) == [("k", 1)]
    assert await stored(store, "ended") == []


@pytest.mark.parametrize(
    "refused",
    [
        request(StateWrite("refused", Payload(json="{"))),
        request(StateWrite("refused", Payload(json="1", media_type="\ud800"))),
        request(write("refused"), session="\ud800"),
        request(write("refused", expected=2**63)),
    ],
    ids=["no JSON", "half a pair", "half a pair in a name", "a number that is too large"],
)
async def test_what_postgresql_or_its_driver_refuses_is_left_to_be_planned(
    store: SqlStore, writer: SingleStatementSaves, refused: Save
) -> None:
    await create(store, "t")
    assert await saved(writer, refused, request(write("fine"), session="t")) == [None, None]
    assert await saved(writer, request(write("fine"), session="t")) == [[1]]


async def test_what_cannot_become_a_row_fails_alone(store: SqlStore, writer: SingleStatementSaves) -> None:
    await create(store, "t")
    unfit = StateWrite("unfit", Payload(json='"\ud800"'))
    requests = [request(unfit), request(write("fine"), session="t")]
    assert await saved(writer, *requests) == [None, [1]]
    results = await asyncio.gather(
        save(store, unfit),
        *(save(store, write(f"k{n}"), session_id="t") for n in range(3)),
        return_exceptions=True,
    )
    assert isinstance(results[0], Exception)
    assert results[1:] == [[1]] * 3
    assert await stored(store) == []


async def test_the_newest_versions_are_kept(store: SqlStore, writer: SingleStatementSaves) -> None:
    await create(store, "t")
    # Old versions that are others'.
    await save(store, write("other"))
    await save(store, write("k"), session_id="t")
    for number in range(1, 8):
        assert await saved(writer, request(write("k"))) == [[number]]
    assert await stored(store) == [("k", 5), ("k", 6), ("k", 7), ("other", 1)]
    requests = [request(write("k", str(n)), request_id=f"r{n}") for n in range(8, 13)]
    assert await saved(writer, *requests) == [[number] for number in range(8, 13)]
    assert await stored(store) == [("k", 10), ("k", 11), ("k", 12), ("other", 1)]
    assert await stored(store, "t") == [("k", 1)]
    assert await load_json(store) == "12"


async def test_a_save_deletes_only_so_many_versions_that_earlier_ones_left(
    store: SqlStore, writer: SingleStatementSaves
) -> None:
    count = KEPT + _MAX_OVERDUE_VERSIONS + 7
    keeping = SingleStatementSaves(store._database, PostgresDialect(), count, NoObserver())
    assert None not in await saved(keeping, *[request(write("k"))] * count)
    assert await saved(writer, request(write("k"))) == [[count + 1]]
    left = [*range(1, 8), count - 1, count, count + 1]
    assert await stored(store) == [("k", number) for number in left]


async def test_a_repeated_request_is_answered_in_the_order_of_its_writes(
    store: SqlStore, writer: SingleStatementSaves
) -> None:
    keys = ["e", "b", "h", "a", "g", "c", "f", "d"]
    for number in range(len(keys)):
        await save(store, *(write(key) for key in keys[number:]))
    # Neither the keys nor the ids are sorted.
    requests = [
        request(*(write(key) for key in keys), request_id="second"),
        request(*(write(key) for key in reversed(keys)), request_id="first"),
    ]
    first, second = await saved(writer, *requests)
    assert (first, second) == ([2, 3, 4, 5, 6, 7, 8, 9], [10, 9, 8, 7, 6, 5, 4, 3])
    for one, versions in zip(requests, (first, second), strict=True):
        assert await save(store, *one.writes, request_id=one.request_id) == versions


async def test_no_step_of_a_large_statement_compares_each_row_with_each(
    store: SqlStore, writer: SingleStatementSaves
) -> None:
    """All with the same key, a guard and an id: what is joined by any less is joined with everything."""
    number = 100
    for index in range(number):
        await create(store, f"s{index}")
        await save(store, write("k"), session_id=f"s{index}")
    # As a server does with tables that grow: what was known of the empty tables would choose another plan.
    await store._database.write(
        lambda connection: connection.exec_driver_sql("ANALYZE sessions, states, state_versions, requests")
    )
    requests = [
        request(write("k", expected=1), session=f"s{index}", request_id=f"r{index}")
        for index in range(number)
    ]
    with mock.patch.object(store._database, "run_at_once", return_value=[]) as run_at_once:
        assert await saved(writer, *requests) == [None] * number
    ((statement, arguments), _) = run_at_once.await_args_list[0]
    explained = await store._database.run_at_once(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", arguments)
    (plan,) = json.loads(explained[0][0])
    # How tables are entered depends on their size.
    own = [node for node, _ in plan_nodes(plan["Plan"]) if "Relation Name" not in node]
    most = max(own, key=rows_looked_at)
    assert rows_looked_at(most) < 10 * number, most
    assert await stored(store, "s99") == [("k", 1), ("k", 2)]


async def test_statements_of_two_servers_leave_no_gap_and_lose_nothing(
    two_stores: tuple[SqlStore, SqlStore], store: SqlStore
) -> None:
    await create(store, "t")
    servers = [
        SingleStatementSaves(one._database, PostgresDialect(), 10_000, NoObserver()) for one in two_stores
    ]
    got: dict[tuple[str, str], list[int]] = {}

    async def work(server: SingleStatementSaves, name: str) -> None:
        for turn in range(25):
            requests = [
                request(
                    write(f"k{n % 2}", f'"{name}"'),
                    session=("s", "t")[(n + turn) % 2],
                    request_id=f"{name}-{turn}-{n}",
                )
                for n in range(6)
            ]
            answers = await saved(server, *requests)
            for one, versions in zip(requests, answers, strict=True):
                assert versions is not None
                got.setdefault((one.session_id, one.writes[0].key), []).extend(versions)

    await asyncio.gather(*(work(server, f"{n}") for n, server in enumerate(servers * 4)))
    assert sum(map(len, got.values())) == 8 * 25 * 6
    for (session, key), versions in got.items():
        assert sorted(versions) == list(range(1, len(versions) + 1))
        assert [v for k, v in await stored(store, session) if k == key] == sorted(versions)
