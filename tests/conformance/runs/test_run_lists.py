"""RunStore.list: filters, order and paging."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from holdfastdb_server.domain.limits import MEBIBYTE, PAGE_BYTES
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.runs.reports import RunFilter
from holdfastdb_server.domain.runs.run import Run, RunChange, RunResults, RunStatus
from holdfastdb_server.domain.values import Payload, dump_json
from tests.support.content import NAMESPACE, Fetch, create, pages, read_all
from tests.support.runs import NOON, bring, start, text

ANY = RunFilter()
HOUR = timedelta(hours=1)


def lister(store: Store, where: RunFilter = ANY, *, omit_payload: bool = False) -> Fetch[Run]:
    return lambda page: store.runs.list(NAMESPACE, where.checked(), page, omit_payload=omit_payload)


async def found(store: Store, *, size: int = 100, descending: bool = False, **where: Any) -> list[str]:
    """Return the ids of the runs that match."""
    runs = await read_all(lister(store, RunFilter(**where)), size=size, descending=descending)
    return [run.run_id for run in runs]


async def test_the_list_of_nothing_is_empty(store: Store) -> None:
    assert await store.runs.list(NAMESPACE, ANY, PageRequest(10, with_total=True)) == Page([], None, 0)


@pytest.mark.parametrize("size", [1, 3, 7, 100])
async def test_runs_come_by_start_time_each_once_in_either_direction(store: Store, size: int) -> None:
    # Neither in the order of their recording nor of their ids; three at the same time.
    for name, hours in (("c", 2), ("a", 5), ("e", 0), ("b", 2), ("d", 2), ("f", -1), ("g", 9)):
        await start(store, name, start_time=NOON + hours * HOUR)
    await start(store, "hidden", namespace="other")
    wanted = ["f", "e", "c", "b", "d", "a", "g"]
    assert await found(store, size=size) == wanted
    assert await found(store, size=size, descending=True) == wanted[::-1]


async def test_runs_that_come_and_go_while_paging_do_not_disturb_the_others(store: Store) -> None:
    await create(store, "gone")
    for number in range(9):
        session = "gone" if number % 3 == 2 else ""
        await start(store, f"r{number}", start_time=NOON + number * HOUR, session_id=session)
    seen: list[str] = []
    async for page in pages(lister(store), 3):
        if not seen:
            await store.sessions.delete(NAMESPACE, "gone")
        seen += [run.run_id for run in page.items]
        await start(store, f"before {len(seen)}", start_time=NOON - HOUR)
        await bring(store, RunStatus.COMPLETED, page.items[0].run_id)
    assert [name for name in seen if name not in ("r2", "r5", "r8")] == ["r0", "r1", "r3", "r4", "r6", "r7"]


async def test_the_cursor_is_the_start_time_and_the_key(store: Store) -> None:
    await start(store, "a", start_time=NOON)
    await start(store, "b", start_time=NOON)
    page = await store.runs.list(NAMESPACE, ANY, PageRequest(1))
    assert page.next is not None
    assert page.next[0] == NOON.timestamp() * 1_000_000
    assert isinstance(page.next[1], int)


async def test_a_listed_run_is_the_same_as_a_single_one(store: Store) -> None:
    await create(store)
    await start(store, "a", session_id="s", input=text("1"), output=text("2"), labels={"a": "b"})
    await start(store, "b", parent_run_id="a", metadata={"x": None}, error="e")
    with_payloads = (await store.runs.list(NAMESPACE, ANY, PageRequest(100))).items
    assert [run.run_id for run in with_payloads] == ["a", "b"]
    for run in [*with_payloads, *await read_all(lister(store), size=100)]:
        assert run == await store.runs.get(NAMESPACE, run.run_id)


async def test_each_id_is_searched_exactly(store: Store) -> None:
    names = ["agent_id", "task_id", "parent_run_id", "trace_id"]
    await start(store, "none")
    for name in names:
        await start(store, name, **{name: "ada"})
        await start(store, f"{name} in capitals", **{name: "Ada"})
    for name in names:
        exactly: dict[str, Any] = {name: "ada"}
        nearly: dict[str, Any] = {name: "%"}
        assert await found(store, **exactly) == [name]
        assert await found(store, **nearly) == []


async def test_runs_are_found_by_their_session(store: Store) -> None:
    for session in ("s", "t"):
        await create(store, session)
        await create(store, session, namespace="other")
        await start(store, f"of {session}", session_id=session)
        await start(store, f"of {session}", session_id=session, namespace="other")
    assert await found(store, session_id="s") == ["of s"]
    assert await found(store, session_id="absent") == []


async def test_any_of_the_wanted_statuses_and_kinds_matches(store: Store) -> None:
    for status in RunStatus:
        await start(store, status, kind=f"kind of {status}")
        await bring(store, status, status)
    assert await found(store, statuses=[RunStatus.RUNNING]) == ["running"]
    assert await found(store, statuses=[RunStatus.FAILED, RunStatus.STARTED]) == ["started", "failed"]
    assert await found(store, kinds=["kind of failed", "kind of running", "no"]) == ["running", "failed"]


async def test_labels_and_metadata_are_searched_by_value_and_type(store: Store) -> None:
    await start(store, "both", labels={"env": "prod", "team": "a"}, metadata={"n": 1, "t": True})
    await start(store, "one", labels={"env": "prod"}, metadata={"n": "1"})
    assert await found(store, labels={"env": "prod"}) == ["both", "one"]
    assert await found(store, labels={"env": "prod", "team": "a"}) == ["both"]
    assert await found(store, metadata={"n": 1}) == ["both"]
    assert await found(store, metadata={"n": "1"}) == ["one"]
    assert await found(store, metadata={"n": 1, "t": False}) == []
    await store.runs.update(NAMESPACE, "one", RunChange(RunResults(labels={"team": "a"}), merges=True))
    assert await found(store, labels={"team": "a"}) == ["both", "one"]


async def test_the_bounds_in_time_are_from_and_before(store: Store) -> None:
    for hour in range(4):
        await start(store, f"r{hour}", start_time=NOON + hour * HOUR)
    assert await found(store, started_from=NOON + HOUR) == ["r1", "r2", "r3"]
    assert await found(store, started_until=NOON + HOUR) == ["r0"]
    assert await found(store, started_from=NOON + HOUR, started_until=NOON + 3 * HOUR, size=1) == ["r1", "r2"]


async def test_all_filters_together_must_match(store: Store) -> None:
    await create(store)
    await create(store, "t")
    fields: dict[str, Any] = {
        "agent_id": "a",
        "task_id": "t",
        "parent_run_id": "p",
        "trace_id": "x",
        "kind": "k",
        "labels": {"l": "1"},
        "metadata": {"m": 1},
        "session_id": "s",
        "start_time": NOON,
    }
    await start(store, "right", **fields)
    other = {**dict.fromkeys(fields, "other"), "labels": {}, "metadata": {}, "start_time": NOON + HOUR}
    for name, value in (other | {"session_id": "t"}).items():
        await start(store, f"other {name}", **{**fields, name: value})
    where = {name: value for name, value in fields.items() if name not in ("kind", "start_time")}
    bounds: dict[str, Any] = {"started_from": NOON, "started_until": NOON + HOUR}
    assert await found(store, kinds=["k"], statuses=[RunStatus.STARTED], **where, **bounds) == ["right"]


async def test_the_total_counts_all_that_match_and_only_when_asked(store: Store) -> None:
    for number in range(5):
        await start(store, f"r{number}", agent_id=f"a{number % 2}")
    where = RunFilter(agent_id="a0")
    first = await store.runs.list(NAMESPACE, where, PageRequest(2, with_total=True))
    later = await store.runs.list(NAMESPACE, where, PageRequest(2, first.next, with_total=True))
    assert first.total_size == later.total_size == 3
    assert (await store.runs.list(NAMESPACE, where, PageRequest(2))).total_size is None


async def test_a_page_ends_before_it_passes_the_page_bytes(store: Store) -> None:
    for number in range(6):
        data = Payload(data=bytes(MEBIBYTE))
        await start(store, f"r{number}", input=data, output=data, start_time=NOON + number * HOUR)
    read = [page async for page in pages(lister(store), 100)]
    assert [len(page.items) for page in read] == [1] * 6
    whole = await store.runs.list(NAMESPACE, ANY, PageRequest(100), omit_payload=True)
    assert [(run.input, run.results.output) for run in whole.items] == [(None, None)] * 6
    assert whole.next is None
    assert whole.items[0] == replace(read[0].items[0], input=None, results=RunResults())


async def test_errors_and_metadata_count_for_the_page_bytes(store: Store) -> None:
    metadata = {"m": "🦑" * 16_000}
    for number in range(40):
        await start(
            store, f"r{number}", error="🦑" * 65_000, metadata=metadata, start_time=NOON + number * HOUR
        )
    read = [page async for page in pages(lister(store, omit_payload=True), 100)]
    assert [run.run_id for page in read for run in page.items] == [f"r{number}" for number in range(40)]
    for page in read:
        sizes = (
            len(run.results.error.encode()) + len(dump_json(run.results.metadata).encode())
            for run in page.items
        )
        assert sum(sizes) <= PAGE_BYTES
    assert len(read) <= 6
