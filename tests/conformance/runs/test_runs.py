"""RunStore: start and get."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfastdb_server.domain.errors import IdTaken, RunNotFound, SessionNotFound
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.runs.run import Run, RunResults, RunStatus, TokenUsage
from tests.support.content import NAMESPACE, create, history
from tests.support.runs import FULL, NOON, finish, start, text, update

STARTED, RUNNING, COMPLETED, FAILED, CANCELLED = RunStatus

OTHER: dict[str, Any] = {
    "parent_run_id": "other",
    "task_id": "other",
    "agent_id": "other",
    "kind": "other",
    "trace_id": "other",
    "input": text("{}"),
    "start_time": NOON + timedelta(microseconds=1),
    "output": None,
    "error": "",
    "usage": TokenUsage(1, 2, 3, 4, 6),
    "labels": {},
    "metadata": {"count": 4},
}


async def test_a_new_run_is_started_at_version_1(store: Store) -> None:
    before = datetime.now(UTC)
    run = await start(store)
    assert (run.status, run.version, run.kind) == (STARTED, 1, "agent")
    assert run.results == RunResults()
    assert (run.input, run.end_time, run.session_id) == (None, None, "")
    assert before <= run.create_time <= datetime.now(UTC)
    assert run.start_time == run.create_time == run.update_time


async def test_a_run_comes_back_as_it_was_started(store: Store) -> None:
    await create(store)
    started = await start(store, session_id="s", **FULL)
    for name, value in FULL.items():
        holder = started if hasattr(started, name) else started.results
        assert getattr(holder, name) == value
    assert started.session_id == "s"
    assert await store.runs.get(NAMESPACE, "r") == started


async def test_getting_an_absent_run_raises_run_not_found(store: Store) -> None:
    await start(store, namespace="other")
    with pytest.raises(RunNotFound) as caught:
        await store.runs.get(NAMESPACE, "r")
    assert caught.value.metadata == {"run_id": "r"}


async def test_starting_from_the_same_draft_returns_the_run_as_it_is_now(store: Store) -> None:
    await create(store)
    await start(store, session_id="s", **FULL)
    finished = await finish(store, status=FAILED, error="no luck")
    assert await start(store, session_id="s", **FULL) == finished
    assert len(await history(store)) == 2


async def test_starting_from_another_draft_raises_id_taken(store: Store) -> None:
    first = await start(store, **FULL)
    for name, value in OTHER.items():
        with pytest.raises(IdTaken) as caught:
            await start(store, **{**FULL, name: value})
        assert caught.value.metadata == {"resource": "run", "id": "r"}
    assert await store.runs.get(NAMESPACE, "r") == first


async def test_starting_in_an_absent_session_raises_session_not_found(store: Store) -> None:
    with pytest.raises(SessionNotFound):
        await start(store, session_id="absent")
    with pytest.raises(RunNotFound):
        await store.runs.get(NAMESPACE, "r")


async def test_of_different_drafts_of_one_id_at_once_one_wins(store: Store) -> None:
    await create(store)
    results = await asyncio.gather(
        *(start(store, session_id="s", kind=f"k{number % 4}") for number in range(16)), return_exceptions=True
    )
    made = [result for result in results if isinstance(result, Run)]
    assert len(made) == 4
    assert len(set(map(repr, made))) == 1
    assert sum(isinstance(result, IdTaken) for result in results) == 12
    assert len(await history(store)) == 1


async def test_a_run_is_deleted_with_its_session(store: Store) -> None:
    await create(store)
    await start(store, session_id="s")
    kept = await start(store, "kept")
    await store.sessions.delete(NAMESPACE, "s")
    with pytest.raises(RunNotFound):
        await store.runs.get(NAMESPACE, "r")
    for call in (update(store, is_running=True), finish(store)):
        with pytest.raises(RunNotFound):
            await call
    assert await store.runs.get(NAMESPACE, "kept") == kept
