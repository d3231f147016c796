"""The managers of states and to-do lists, as a framework uses them, on a real server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import holdfastdb
from holdfastdb import (
    AsyncStateManager,
    AsyncTodoListManager,
    MoveItem,
    PlanItemStatus,
    PlanStatus,
    PutItem,
    RemoveItem,
    SessionStatus,
)
from tests.support.servers import ServerProcess
from tests.support.waiting import patient

STATE: dict[str, Any] = {
    "mission": "Find a flight",
    "status": "active",
    "user_id": "ada",
    "steps": [1.5, None],
}


async def test_states_are_saved_loaded_listed_and_deleted(client: holdfastdb.AsyncClient) -> None:
    manager = AsyncStateManager(client, statuses={"thinking": SessionStatus.ACTIVE})
    assert await manager.load_state("s") is None
    saved = [await manager.save_state("s", STATE)]
    session = await client.sessions.get("s")
    assert (session.title, session.user_id) == ("Find a flight", "ada")
    assert session.status is SessionStatus.ACTIVE
    saved.append(await manager.save_state("s", {**STATE, "status": "Thinking", "steps": []}))
    assert [state.version for state in saved] == [1, 2]
    assert (await manager.load_state("s") or {})["steps"] == []
    assert await manager.load_state("s", 1) == STATE
    assert await manager.load_state("s", 3) is None
    last = {**STATE, "status": "completed"}
    assert (await manager.save_state("s", last)).version == 3
    assert (await client.sessions.get("s")).status is SessionStatus.COMPLETED
    # Once more, as after a lost answer; but no other state.
    assert (await manager.save_state("s", last)).version == 3
    with pytest.raises(holdfastdb.FailedPrecondition):
        await manager.save_state("s", {**last, "steps": [2]})
    assert await manager.load_state("s") == last
    # From nothing to the end, by all the moves between.
    await manager.save_state("at once", {"status": SessionStatus.FAILED})
    assert (await client.sessions.get("at once")).status is SessionStatus.FAILED
    await manager.save_state("bare", {})
    assert (await client.sessions.get("bare")).status is SessionStatus.PENDING
    with pytest.raises(holdfastdb.InvalidArgument, match="'odd' is not one of"):
        await manager.save_state("odd", {"status": "odd"})
    listed = await manager.list_sessions()
    assert [one.session_id for one in listed] == ["bare", "at once", "s"]
    assert [one.session_id for one in await manager.list_sessions(user_id="ada")] == ["s"]
    assert len(await manager.list_sessions(limit=2)) == 2
    assert [await manager.delete_state("s") for _ in range(2)] == [True, False]
    assert await manager.load_state("s") is None


async def test_states_of_a_new_session_saved_at_once_are_all_kept(client: holdfastdb.AsyncClient) -> None:
    manager = AsyncStateManager(client)
    saves = [manager.save_state("s", {**STATE, "mission": f"m{n}", "n": n}) for n in range(8)]
    assert sorted(state.version for state in await asyncio.gather(*saves)) == list(range(1, 9))
    assert (await client.sessions.get("s")).status is SessionStatus.ACTIVE


async def test_a_to_do_list_from_its_creation_to_its_end(client: holdfastdb.AsyncClient) -> None:
    await client.sessions.create("s")
    manager = AsyncTodoListManager(client)
    items: list[Any] = [
        "Read the code",
        {"description": "Fix the bug", "dependencies": [1], "acceptance_criteria": ["Tests pass"]},
        {"id": "tell", "description": "Tell the team", "dependencies": ["2"]},
    ]
    todo = await manager.create_todo_list("s", items, todo_list_id="t", title="Bug 7")
    assert [item.item_id for item in todo.items] == ["1", "2", "tell"]
    assert await manager.create_todo_list("s", items, todo_list_id="t", title="Bug 7") == todo
    assert await manager.load_todo_list("t") == todo
    assert await manager.load_todo_list("absent") is None
    done = await manager.update_item("t", "1", status="completed", result={"found": "it"})
    assert (done.item.version, done.progress.ready) == (2, 1)
    with pytest.raises(holdfastdb.VersionMismatch):
        await manager.update_item("t", "1", status=PlanItemStatus.FAILED, expected_version=1)
    with pytest.raises(holdfastdb.InvalidArgument, match="'undone' is not one of pending"):
        await manager.update_item("t", "1", status="undone")
    with pytest.raises(holdfastdb.FailedPrecondition) as caught:
        await manager.update_item("t", "1", dependencies=["tell"])
    assert caught.value.reason == holdfastdb.Reason.DEPENDENCY_CYCLE
    assert str(await manager.get_summary("t")) == "1 of 3 items done; next: Fix the bug"
    # What was loaded is taken back as it is, and what is new gets a free number.
    todo = await manager.modify_plan("t", [*done_first(todo, done.item), "Celebrate"], status="active")
    assert [(item.item_id, item.version) for item in todo.items] == [
        ("1", 2),
        ("2", 1),
        ("tell", 1),
        ("4", 1),
    ]
    todo = await manager.modify_plan("t", edits=[RemoveItem("4"), MoveItem("tell", 1), PutItem("Rest")])
    assert [item.description for item in todo.items][::3] == ["Tell the team", "Rest"]
    assert (todo.status, todo.title) == (PlanStatus.ACTIVE, "Bug 7")
    summary = await manager.get_summary("t")
    assert (summary.progress.completed, summary.ready[0].item_id) == (1, "2")
    types = [event.type async for event in client.history.list("s")]
    assert types == ["holdfast.plan.pending", "holdfast.plan_item.completed", "holdfast.plan.active"]
    assert [await manager.delete_todo_list("t") for _ in range(2)] == [True, False]
    with pytest.raises(holdfastdb.NotFound):
        await manager.get_summary("t")


def done_first(todo: holdfastdb.Plan, done: holdfastdb.PlanItem) -> list[holdfastdb.PlanItem]:
    return [done, *todo.items[1:]]


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_the_blocking_managers_do_the_same(shared_server: ServerProcess, tenant: str) -> None:
    def framework() -> None:
        with holdfastdb.connect_sync(shared_server.target, namespace=tenant, timeout=patient(10)) as client:
            states, todos = holdfastdb.StateManager(client), holdfastdb.TodoListManager(client)
            assert states.save_state("s", STATE).version == 1
            assert states.load_state("s") == STATE
            todo = todos.create_todo_list("s", ["one", "two"])
            todos.update_item(todo.plan_id, "1", status="skipped")
            assert str(todos.get_summary(todo.plan_id)) == "0 of 2 items done; 1 skipped; next: two"
            [session] = states.list_sessions()
            assert session.session_id == "s"
            # The plan goes with its session.
            assert states.delete_state("s")
            assert todos.load_todo_list(todo.plan_id) is None

    await asyncio.to_thread(framework)


async def test_memories_are_kept_found_and_counted(client: holdfastdb.AsyncClient) -> None:
    kept = await client.memories.create("Retry with half the page", tool_name="web_search", confidence=0.8)
    await client.memories.create("Ask before booking", user_id="ada", context="a search", confidence=0.2)
    found = [match async for match in client.memories.search("search retries", count_use=True)]
    assert [match.score for match in found] == [0.25, 0.25]
    assert found[0].memory.memory_id == kept.memory_id
    assert [match.memory.use_count for match in found] == [1, 1]
    sure = [match async for match in client.memories.search("search", min_confidence=0.5, page_size=1)]
    assert [match.memory.lesson for match in sure] == ["Retry with half the page"]
    changed = await client.memories.update(kept.memory_id, confidence=0.9, labels={"seen": "twice"})
    assert (changed.version, changed.confidence, changed.use_count) == (2, 0.9, 1)
    pages = [page async for page in client.memories.search("search", page_size=1).pages()]
    assert [len(page.items) for page in pages] == [1, 1]
    await client.memories.delete(kept.memory_id)
    assert [memory.user_id async for memory in client.memories.list()] == ["ada"]
