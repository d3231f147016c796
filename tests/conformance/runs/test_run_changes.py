"""RunStore: update and finish."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from holdfastdb_server.domain.errors import (
    InvalidField,
    LimitExceeded,
    RequestIdTaken,
    RunEnded,
    RunNotFound,
    TransitionNotAllowed,
    VersionMismatch,
)
from holdfastdb_server.domain.limits import MEBIBYTE
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.runs.run import Run, RunResults, RunStatus, TokenUsage
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE, create, history
from tests.support.runs import FULL, NOON, bring, finish, start, text, update

STARTED, RUNNING, COMPLETED, FAILED, CANCELLED = RunStatus
ENDS = [COMPLETED, FAILED, CANCELLED]

# Written out, and not taken from the domain: this is what the contract says.
ALLOWED = {(STARTED, RUNNING), *product([STARTED, RUNNING], ENDS)}

FORBIDDEN = [pair for pair in product(RunStatus, ENDS) if pair not in ALLOWED]


async def test_each_allowed_move_changes_the_status_and_appends_its_event(store: Store) -> None:
    await create(store)
    for source, target in sorted(ALLOWED):
        name = f"{source}-{target}"
        await start(store, name, session_id="s", agent_id="planner", task_id="t", trace_id="x")
        before = await bring(store, source, name)
        after = await bring(store, target, name)
        assert (after.status, after.version) == (target, before.version + 1)
        assert after.update_time > before.update_time
        assert (after.end_time is not None) == (target is not RUNNING)
        assert await store.runs.get(NAMESPACE, name) == after
        events = await history(store)
        assert [event.type for event in events][-2:] == [f"holdfast.run.{source}", f"holdfast.run.{target}"]
        event = events[-1]
        assert (event.run_id, event.task_id, event.actor, event.trace_id) == (name, "t", "planner", "x")
        assert isinstance(event.body, Payload)
        assert json.loads(event.body.json or "") == {"kind": "agent", "from": source.name, "to": target.name}


async def test_each_other_end_is_refused_and_changes_nothing(store: Store) -> None:
    await create(store)
    for source, target in FORBIDDEN:
        name = f"{source}-{target}"
        await start(store, name, session_id="s")
        before = await bring(store, source, name)
        events = await history(store)
        with pytest.raises(TransitionNotAllowed) as caught:
            await finish(store, name, target, output=text("1"))
        wanted = {"resource": "run", "id": name, "from": source.name, "to": target.name}
        assert caught.value.metadata == wanted
        assert await store.runs.get(NAMESPACE, name) == before
        assert await history(store) == events


async def test_running_again_changes_nothing(store: Store) -> None:
    await start(store)
    running = await bring(store, RUNNING)
    assert await update(store, is_running=True) == running


async def test_after_its_end_a_run_keeps_its_results(store: Store) -> None:
    changes: list[dict[str, Any]] = [
        {"is_running": True},
        {"output": text("2")},
        {"error": "late"},
        {"usage": TokenUsage(9)},
        {"replaced": {"output"}},
    ]
    for end in ENDS:
        await start(store, end, output=text("1"))
        ended = await bring(store, end, end)
        for change in changes:
            with pytest.raises(RunEnded) as caught:
                await update(store, end, labels={"a": "b"}, **change)
            assert caught.value.metadata == {"run_id": end, "status": end.name}
        assert await store.runs.get(NAMESPACE, end) == ended


async def test_after_its_end_labels_and_metadata_can_be_changed(store: Store) -> None:
    await start(store, output=text("1"))
    ended = await finish(store)
    marked = await update(store, labels={"good": "yes"}, metadata={"n": 1}, output=text("1"))
    assert (marked.results.labels, marked.results.metadata) == ({"good": "yes"}, {"n": 1})
    assert (marked.status, marked.version, marked.end_time) == (COMPLETED, ended.version + 1, ended.end_time)


async def test_an_update_merges_what_is_not_replaced(store: Store) -> None:
    await start(store, **{**FULL, "labels": {"a": "1", "b": "2"}, "metadata": {"x": {"p": 1}, "y": 2}})
    run = await update(store, labels={"b": "3"}, metadata={"x": {"q": 2}, "y": None})
    assert run.results.labels == {"a": "1", "b": "3"}
    assert run.results.metadata == {"x": {"p": 1, "q": 2}}
    assert (run.results.output, run.results.usage) == (FULL["output"], FULL["usage"])
    run = await update(store, output=text("2"), error="new", usage=TokenUsage(7))
    assert run.results == RunResults(
        text("2"), "new", TokenUsage(7), run.results.labels, run.results.metadata
    )
    assert run.version == 3
    assert await store.runs.get(NAMESPACE, "r") == run


async def test_an_update_replaces_the_named_results_whole(store: Store) -> None:
    await start(store, **FULL)
    run = await update(
        store, replaced={"output", "error", "usage", "labels", "metadata"}, labels={"only": "1"}
    )
    assert run.results == RunResults(labels={"only": "1"})
    assert await store.runs.get(NAMESPACE, "r") == run


async def test_an_update_without_effect_leaves_the_version(store: Store) -> None:
    before = await start(store, error="e", labels={"a": "1"})
    assert await update(store) == before
    assert await update(store, error="e") == before
    assert await update(store, labels={"a": "1"}, replaced={"labels"}) == before
    assert await update(store, metadata={"absent": None}) == before


async def test_changes_of_an_absent_run_raise_run_not_found(store: Store) -> None:
    for call in (update(store, error="e"), finish(store)):
        with pytest.raises(RunNotFound):
            await call


async def test_changes_at_another_version_raise_version_mismatch_and_change_nothing(store: Store) -> None:
    await start(store)
    before = await update(store, error="e", expected=1)
    for call in (update(store, error="x", expected=1), finish(store, expected=7)):
        with pytest.raises(VersionMismatch) as caught:
            await call
        assert (caught.value.metadata["resource"], caught.value.metadata["actual"]) == ("run", "2")
    assert await store.runs.get(NAMESPACE, "r") == before
    assert (await finish(store, expected=2)).version == 3


async def test_input_and_output_share_a_bound(store: Store) -> None:
    half = Payload(data=bytes(2 * MEBIBYTE))
    before = await start(store, input=half)
    for call in (update(store, output=half), finish(store, output=half)):
        with pytest.raises(LimitExceeded) as caught:
            await call
        assert caught.value.metadata["maximum"] == str(3 * MEBIBYTE)
    assert await store.runs.get(NAMESPACE, "r") == before


async def test_an_update_whose_result_passes_a_bound_raises_invalid_field(store: Store) -> None:
    before = await start(store, metadata={"a": "x" * 40_000})
    with pytest.raises(InvalidField):
        await update(store, metadata={"b": "x" * 40_000})
    assert await store.runs.get(NAMESPACE, "r") == before


async def test_an_end_keeps_what_it_does_not_give(store: Store) -> None:
    await start(store, **FULL)
    run = await finish(store, end_time=NOON + timedelta(seconds=3))
    assert run.results == RunResults(
        **{name: FULL[name] for name in ("output", "error", "usage", "labels", "metadata")}
    )
    assert run.end_time == NOON + timedelta(seconds=3)
    await start(store, "other", **FULL)
    run = await finish(store, "other", FAILED, output=text("9"), error="bad", usage=TokenUsage(8))
    assert (run.results.output, run.results.error, run.results.usage) == (text("9"), "bad", TokenUsage(8))


async def test_a_run_ends_now_or_at_its_start_if_that_is_later(store: Store) -> None:
    before = datetime.now(UTC)
    await start(store)
    ended = (await finish(store)).end_time
    assert ended is not None
    assert before <= ended <= datetime.now(UTC)
    ahead = before + timedelta(hours=1)
    await start(store, "ahead", start_time=ahead)
    assert (await finish(store, "ahead")).end_time == ahead


async def test_no_run_ends_before_its_start(store: Store) -> None:
    before = await start(store, start_time=NOON)
    with pytest.raises(InvalidField):
        await finish(store, end_time=NOON - timedelta(microseconds=1))
    assert await store.runs.get(NAMESPACE, "r") == before
    assert (await finish(store, end_time=NOON)).end_time == NOON


async def test_a_repeated_request_changes_nothing_and_gets_the_run_as_it_is_now(store: Store) -> None:
    await create(store)
    await start(store, session_id="s")
    await update(store, error="first", is_running=True, request_id="q1")
    second = await update(store, error="second", request_id="q2")
    assert await update(store, error="first", is_running=True, request_id="q1") == second
    ended = await finish(store, request_id="q3")
    assert await finish(store, request_id="q3") == ended
    assert await update(store, error="second", request_id="q2") == ended
    assert len(await history(store)) == 3


async def test_a_request_id_of_another_request_is_refused(store: Store) -> None:
    await start(store)
    await start(store, "other")
    before = await update(store, error="first", request_id="q")
    calls = (
        update(store, error="second", request_id="q"),
        update(store, "other", error="first", request_id="q"),
        finish(store, request_id="q"),
    )
    for call in calls:
        with pytest.raises(RequestIdTaken):
            await call
    assert await store.runs.get(NAMESPACE, "r") == before


async def test_a_request_that_failed_may_be_tried_again(store: Store) -> None:
    await start(store)
    with pytest.raises(VersionMismatch):
        await finish(store, expected=2, request_id="q")
    await update(store, error="e")
    assert (await finish(store, expected=2, request_id="q")).status is COMPLETED


async def test_of_many_updates_at_once_none_is_lost(store: Store) -> None:
    await create(store)
    await start(store, session_id="s")
    await asyncio.gather(*(update(store, labels={f"l{n}": str(n)}, is_running=n % 3 == 0) for n in range(16)))
    run = await store.runs.get(NAMESPACE, "r")
    assert run.results.labels == {f"l{n}": str(n) for n in range(16)}
    assert (run.status, run.version) == (RUNNING, 17)
    assert len(await history(store)) == 2


async def test_of_many_ends_through_two_servers_one_succeeds(two_stores: tuple[SqlStore, SqlStore]) -> None:
    await create(two_stores[0])
    await start(two_stores[0], session_id="s")
    results = await asyncio.gather(
        *(finish(two_stores[n % 2], status=ENDS[n % 3]) for n in range(16)), return_exceptions=True
    )
    made = [result for result in results if isinstance(result, Run)]
    assert len(made) == 1
    assert sum(isinstance(result, TransitionNotAllowed) for result in results) == 15
    assert await two_stores[1].runs.get(NAMESPACE, "r") == made[0]
    assert len(await history(two_stores[0])) == 2


async def test_a_run_without_a_session_writes_no_history(store: Store) -> None:
    before = await create(store)
    await start(store)
    await bring(store, RUNNING)
    await finish(store)
    assert await store.sessions.get(NAMESPACE, "s") == before


async def test_the_event_says_when_it_happened_and_what_went_wrong(store: Store) -> None:
    await create(store)
    await start(store, session_id="s", start_time=NOON)
    await finish(store, status=FAILED, error="no luck", end_time=NOON + timedelta(seconds=5))
    first, last = await history(store)
    assert (first.event_time, last.event_time) == (NOON, NOON + timedelta(seconds=5))
    assert isinstance(last.body, Payload)
    assert json.loads(last.body.json or "")["error"] == "no luck"
