"""Guarantees 3, 5, 6 and 7 with two servers on one PostgreSQL: they behave as one server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

import holdfastdb
from holdfastdb_server.storage.engines import migrations
from tests.support.clients import connected, history, outcomes, take
from tests.support.postgres import PostgresCluster
from tests.support.processes import free_port
from tests.support.servers import ServerProcess
from tests.support.waiting import PATIENCE, patient
from tests.support.writers import AGENTS, Writers

Two = tuple[holdfastdb.AsyncClient, holdfastdb.AsyncClient]
Replicas = tuple[ServerProcess, ServerProcess]
pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresCluster]:
    """A PostgreSQL that, at the end of the file, has logged no error and so no deadlock."""
    cluster = PostgresCluster()
    try:
        cluster.start()
        asyncio.run(migrations.upgrade(cluster.url))
        yield cluster
        assert "deadlock" not in cluster.log, cluster.log
        assert "ERROR" not in cluster.log, cluster.log
    finally:
        cluster.remove()


@pytest.fixture(scope="module")
def replicas(database: PostgresCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    """Two servers on that PostgreSQL, whose logs show no bug."""
    servers: list[ServerProcess] = []
    with asyncio.Runner() as runner:
        try:
            directory = tmp_path_factory.mktemp("replicas")
            servers += [ServerProcess(directory, database.url) for _ in range(2)]
            for server in servers:
                server.launch()
            for server in servers:
                runner.run(server.until_serving())
            yield servers[0], servers[1]
            assert [runner.run(server.stop()) for server in servers] == [0, 0]
            for server in servers:
                assert "Traceback" not in server.log, server.log
        finally:
            for server in servers:
                runner.run(server.kill())


@pytest.fixture
async def two(replicas: Replicas) -> AsyncIterator[Two]:
    """A client of each server, in a namespace of the test's own."""
    namespace = f"test-{uuid4()}"
    async with (
        connected(replicas[0], namespace=namespace) as one,
        connected(replicas[1], namespace=namespace) as other,
    ):
        yield one, other


async def test_writers_on_both_servers_make_one_history(two: Two) -> None:
    await two[0].sessions.create("s")
    async with Writers(two, "s") as writers:
        await writers.write(500)
    await writers.check(two[0])
    assert await history(two[1], "s") == await history(two[0], "s")


async def test_writers_that_expect_a_sequence_never_write_past_each_other(two: Two) -> None:
    """Each event says which one it follows, so that a write on a stale expectation would show."""

    async def write(client: holdfastdb.AsyncClient, count: int) -> int:
        refused = 0
        last = (await client.sessions.get("s")).last_sequence
        while count:
            event = holdfastdb.Event.of("note", {"after": last})
            try:
                appended = await client.history.append("s", event, expected_last_sequence=last)
            except holdfastdb.SequenceMismatch as mismatch:
                refused += 1
                last = mismatch.actual
            else:
                assert appended.last_sequence == last + 1
                last += 1
                count -= 1
        return refused

    await two[0].sessions.create("s")
    refusals = await asyncio.gather(*(write(two[agent % 2], 5) for agent in range(AGENTS)))
    events = await history(two[1], "s")
    assert [event.sequence for event in events] == list(range(1, AGENTS * 5 + 1))
    assert all(event.value == {"after": event.sequence - 1} for event in events)
    assert sum(refusals) > 0


async def test_counters_with_an_expected_version_lose_no_update(two: Two) -> None:
    async def count(client: holdfastdb.AsyncClient, times: int) -> None:
        while times:
            state = await client.states.load("s", "counter")
            try:
                await client.states.save("s", state.value + 1, "counter", expected_version=state.version)
            except holdfastdb.VersionMismatch:
                continue
            times -= 1

    await two[0].sessions.create("s")
    await two[0].states.save("s", 0, "counter")
    await asyncio.gather(*(count(two[agent % 2], 4) for agent in range(AGENTS)))
    state = await two[1].states.load("s", "counter")
    assert (state.value, state.version) == (AGENTS * 4, AGENTS * 4 + 1)


async def test_of_writers_with_one_expectation_one_wins(two: Two) -> None:
    await two[0].sessions.create("s")
    for version in range(5):
        saved, errors = await outcomes(
            *(two[n % 2].states.save("s", n, "k", expected_version=version) for n in range(AGENTS))
        )
        assert [state.version for state in saved] == [version + 1]
        assert {type(error) for error in errors} == {holdfastdb.VersionMismatch}
        updated, errors = await outcomes(
            *(
                two[n % 2].sessions.update("s", title=f"{version}-{n}", expected_version=version + 1)
                for n in range(AGENTS)
            )
        )
        assert [session.version for session in updated] == [version + 2]
        assert {type(error) for error in errors} == {holdfastdb.VersionMismatch}


async def test_a_session_created_many_times_at_once_is_one(two: Two) -> None:
    sessions = await asyncio.gather(
        *(two[n % 2].sessions.create("s", user_id="u", metadata={"a": 1}) for n in range(AGENTS))
    )
    assert len({session.create_time for session in sessions}) == 1
    made, errors = await outcomes(
        *(two[n % 2].sessions.create("t", title=f"of agent {n}") for n in range(AGENTS))
    )
    assert len(made) == 1
    assert {(type(error), error.reason) for error in errors} == {(holdfastdb.AlreadyExists, "ID_TAKEN")}
    assert (await two[1].sessions.get("t")).title == made[0].title


async def test_updates_through_both_servers_are_all_kept(two: Two) -> None:
    await two[0].sessions.create("s")
    await asyncio.gather(
        *(
            two[n % 2].sessions.update("s", labels={f"label-{n}": "x"}, metadata={f"member-{n}": {"n": n}})
            for n in range(AGENTS * 2)
        )
    )
    session = await two[0].sessions.get("s")
    assert session.labels == {f"label-{n}": "x" for n in range(AGENTS * 2)}
    assert session.metadata == {f"member-{n}": {"n": n} for n in range(AGENTS * 2)}
    assert session.version == AGENTS * 2 + 1


async def test_one_transition_of_many_is_carried_out(two: Two) -> None:
    await two[0].sessions.create("s")
    moved, errors = await outcomes(*(two[n % 2].sessions.activate("s") for n in range(AGENTS)))
    assert len(moved) == 1
    assert {error.reason for error in errors} == {"TRANSITION_NOT_ALLOWED"}
    assert [event.type for event in await history(two[1], "s")] == ["holdfast.session.active"]


async def test_what_one_server_answered_the_other_one_shows(two: Two) -> None:
    for number in range(20):
        writer, reader = two[number % 2], two[(number + 1) % 2]
        key = f"s-{number}"
        await writer.sessions.create(key)
        assert (await reader.sessions.get(key)).version == 1
        assert [s.session_id for s in (await reader.sessions.list(page_size=1).page()).items] == [key]
        await writer.history.append(key, holdfastdb.Event.of("n", number))
        assert [event.value for event in await history(reader, key)] == [number]
        await writer.states.save(key, number)
        assert (await reader.states.load(key)).value == number
        await writer.sessions.update(key, title="new")
        assert (await reader.sessions.get(key)).title == "new"
        await writer.sessions.delete(key)
        with pytest.raises(holdfastdb.NotFound):
            await reader.sessions.get(key)


async def test_work_on_many_sessions_in_any_order_never_deadlocks(two: Two) -> None:
    names = [f"s-{n}" for n in range(6)]
    for name in names:
        await two[0].sessions.create(name)

    async def work(agent: int) -> None:
        client = two[agent % 2]
        for turn in range(4):
            # Agents go round in both directions, so that batches of both servers hold the same sessions.
            place = (agent + turn if agent % 3 else agent - turn) % len(names)
            name, other = names[place], names[place - 1]
            await asyncio.gather(
                client.history.append(name, [holdfastdb.Event.of("n", turn), holdfastdb.Event.of("n", turn)]),
                client.history.append(other, holdfastdb.Event.of("n", turn)),
                client.states.save(other, turn, f"key-{agent % 4}"),
                client.states.save_many(name, {"a": turn, "b": turn}),
                client.sessions.update(name, labels={f"agent-{agent}": str(turn)}),
                client.history.replace(other, [holdfastdb.Event.of("n", turn)], newest=1),
                client.sessions.fork(name, f"fork-{agent}-{turn}"),
            )
            await client.sessions.delete(f"fork-{agent}-{turn}")

    await asyncio.gather(*(work(agent) for agent in range(8)))
    for name in names:
        events = await history(two[0], name)
        assert events == await history(two[1], name)
        assert (await two[0].sessions.get(name)).last_sequence == events[-1].sequence


async def test_a_tail_sees_at_once_what_another_server_wrote(two: Two) -> None:
    await two[0].sessions.create("s")
    async with two[1].history.tail("s") as tail:
        await check_delivery_by_notification(two[0], tail)


async def test_lost_connections_to_the_database_are_made_again(two: Two, database: PostgresCluster) -> None:
    await two[0].sessions.create("s")
    async with two[1].history.tail("s") as tail:
        postgres = await asyncpg.connect(database.url)
        ended = await postgres.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await postgres.close()
        assert ended >= 4
        # Until the LISTEN connection is made again, tails poll.
        for number in range(4):
            await two[0].history.append("s", holdfastdb.Event.of("n", number))
            assert (await anext(tail)).value == number
        await check_delivery_by_notification(two[0], tail)


async def check_delivery_by_notification(writer: holdfastdb.AsyncClient, tail: holdfastdb.AsyncTail) -> None:
    """Check that a tail is told of events: by polling it finds each a second after the one before."""
    bound = patient(15)
    began = time.monotonic()
    for number in range(2 * round(bound)):
        await writer.history.append("s", holdfastdb.Event.of("n", number))
        assert (await anext(tail)).value == number
    assert time.monotonic() - began < bound


async def test_tails_on_both_servers_see_the_same_while_writers_write(two: Two) -> None:
    await two[0].sessions.create("s")
    async with AsyncExitStack() as stack:
        tails = [await stack.enter_async_context(two[n % 2].history.tail("s")) for n in range(6)]
        async with Writers(two, "s") as writers:
            await writers.write(300)
        count = len(writers.acknowledged)
        async with asyncio.timeout(PATIENCE):
            seen = await asyncio.gather(*(take(tail, count) for tail in tails))
    expected = [event.event_id for event in await history(two[0], "s")]
    assert all([event.event_id for event in events] == expected for events in seen)


async def test_a_tail_without_notifications_misses_nothing(
    database: PostgresCluster, replicas: Replicas, tmp_path: Path
) -> None:
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    unnotified = ServerProcess(tmp_path, database.url, environment={"HOLDFAST_LISTEN_URL": nowhere})
    try:
        await unnotified.start()
        async with connected(unnotified) as client, connected(replicas[0]) as writer:
            await writer.sessions.create("s")
            async with client.history.tail("s") as tail, asyncio.timeout(PATIENCE):
                for number in range(3):
                    await writer.history.append("s", holdfastdb.Event.of("n", number))
                    assert (await anext(tail)).value == number
            assert "Traceback" not in unnotified.log
    finally:
        await unnotified.kill()
