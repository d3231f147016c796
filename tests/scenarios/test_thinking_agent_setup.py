"""System 2: how the database and its pool are configured, and that the managers have the names that the
framework calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import holdfastdb
from tests.scenarios.thinking_agent import MISSION, PLAN, ThinkingAgent
from tests.support.databases import PostgresDatabases, SqliteDatabases
from tests.support.servers import ServerProcess
from tests.support.waiting import patient


@pytest.mark.postgres
async def test_the_pool_of_connections_is_configurable(postgres_url: str, tmp_path: Path) -> None:
    """Pool of 5 to 20 connections, configurable."""
    settings = {"HOLDFAST_DB_POOL_MIN": "2", "HOLDFAST_DB_POOL_MAX": "3"}
    server = ServerProcess(tmp_path, postgres_url, environment=settings)
    try:
        await server.start()
        async with holdfastdb.connect(server.target, timeout=patient(10)) as client:
            await client.sessions.create("s")
            calls = (client.plans.create(["one"], session_id="s") for _ in range(60))
            assert len(await asyncio.gather(*calls)) == 60
        connection = await asyncpg.connect(postgres_url)
        used = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query ~ 'plans'"
        )
        await connection.close()
        assert 1 <= used <= 3 + 1  # and the one that counts
    finally:
        await server.kill()


async def test_the_database_is_chosen_by_the_environment_or_a_profile(
    database_url: str, tmp_path: Path
) -> None:
    """Database URL from the environment or a YAML profile."""
    config = tmp_path / "holdfast.yaml"
    config.write_text(
        "database_url: sqlite:///elsewhere.db\n"
        f"profiles:\n  development:\n    database_url: {database_url}\n    db_pool_max: 6\n"
    )
    by_environment = ServerProcess(tmp_path, database_url)
    by_profile = ServerProcess(tmp_path, arguments=["--config", str(config), "--profile", "development"])
    for server in (by_environment, by_profile):
        try:
            await server.start()
            async with holdfastdb.connect(server.target, timeout=patient(10)) as client:
                session = await client.sessions.create("s", user_id="ada")
                assert session.user_id == "ada"
            await server.stop()
        finally:
            await server.kill()
    assert not (tmp_path / "elsewhere.db").exists()


@pytest.mark.postgres
async def test_a_file_behaves_the_same_as_postgres(
    sqlite: SqliteDatabases, postgres: PostgresDatabases, tmp_path: Path
) -> None:
    """File-based storage goes on working for development and behaves the same: one shared test suite proves
    it. (The suite is tests/conformance; here one story is told twice, and heard to be the same.)"""
    async with AsyncExitStack() as stack:
        told = []
        for databases in (sqlite, postgres):
            url = await stack.enter_async_context(databases.fresh())
            server = ServerProcess(tmp_path, url)
            stack.push_async_callback(server.kill)
            await server.start()
            told.append(await asyncio.to_thread(tell, server.target))
        assert told[0] == told[1]


def tell(target: str) -> list[object]:
    """Have an agent work and return all that it saw, but for times and ids that were made."""
    seen: list[object] = []
    with holdfastdb.connect_sync(target, timeout=patient(10)) as client:
        agent = ThinkingAgent(client, "trip")
        agent.begin(MISSION, "ada")
        todo = agent.todos.create_todo_list("trip", PLAN, todo_list_id="trip-plan")
        agent.step("I need offers", "search", "3 offers")
        done = agent.todos.update_item("trip-plan", "search", status="completed", result=[1.50, "\0", 2**60])
        agent.learn("Ünïcode is found", tool_name="search")
        seen += [todo.progress, done.progress, done.item.result, agent.load(), agent.steps()]
        seen += [agent.recall("unicode"), agent.recall("ünï"), agent.recall("search")]
        for call in _refused(agent):
            with pytest.raises(holdfastdb.HoldfastError) as caught:
                call()
            seen.append(
                (type(caught.value), caught.value.reason, caught.value.message, caught.value.metadata)
            )
        agent.save({**agent.load(), "status": "failed"})
        session = client.sessions.get("trip")
        seen += [session.status, session.version, session.last_sequence]
        seen += [
            (event.sequence, event.type, event.actor, event.body) for event in client.history.list("trip")
        ]
    return seen


def _refused(agent: ThinkingAgent) -> Iterable[Any]:
    items = agent.todos.update_item
    return (
        lambda: agent.save({"status": "pending"}),
        lambda: agent.todos.create_todo_list("nobody", ["one"]),
        lambda: agent.todos.create_todo_list("trip", ["another"], todo_list_id="trip-plan"),
        lambda: items("trip-plan", "no-such-item", status="failed"),
        lambda: items("trip-plan", "search", dependencies=["book"]),
        lambda: items("trip-plan", "book", status="failed", expected_version=7),
    )


@pytest.mark.parametrize("manager", [holdfastdb.StateManager, holdfastdb.AsyncStateManager])
def test_the_state_manager_has_just_the_names_that_the_framework_calls(manager: type) -> None:
    """The Python client has a ready `StateManager` ... with just these method names, so that the framework
    swaps one class."""
    assert methods(manager) == {"save_state", "load_state", "delete_state", "list_sessions"}


@pytest.mark.parametrize("manager", [holdfastdb.TodoListManager, holdfastdb.AsyncTodoListManager])
def test_the_todo_list_manager_has_just_the_names_that_the_framework_calls(manager: type) -> None:
    """... and `TodoListManager`."""
    on_lists = {"create_todo_list", "load_todo_list", "modify_plan", "delete_todo_list", "get_summary"}
    assert methods(manager) == on_lists | {"update_item"}


def methods(kind: type) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("_")}
