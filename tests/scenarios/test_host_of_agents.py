"""System 4: a host of agents and workflows keeps configurations and conversations, where it is told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import asyncpg
import pytest

import holdfastdb
from holdfastdb.types.documents import Document, SyncResult
from tests.scenarios.agent_host import AgentHost, Chat
from tests.support.clients import connected
from tests.support.postgres import PostgresCluster
from tests.support.servers import ServerProcess


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Configurations in files, as the host's users write them."""
    directory = tmp_path / "configurations"
    write(directory, "agents", "planner", {"model": "large", "temperature": 0.20})
    write(directory, "agents", "coder", {"model": "small", "tools": ["shell", "git"]})
    write(directory, "workflows", "review", {"steps": ["planner", "coder"]})
    write(directory, "custom_workflows", "mine", {"of": "ada"})
    return directory


def write(directory: Path, kind: str, name: str, configuration: object) -> None:
    (directory / kind).mkdir(parents=True, exist_ok=True)
    (directory / kind / f"{name}.json").write_text(json.dumps(configuration, indent=2))


@pytest.fixture
async def host(files: Path, shared_server: ServerProcess, tenant: str) -> AsyncIterator[AgentHost]:
    """A host with Holdfast, on each engine in turn."""
    async with AgentHost(files, shared_server.target, tenant) as host:
        yield host


async def contents(client: holdfastdb.AsyncClient, kind: str) -> dict[str, Document]:
    return {document.document_id: document async for document in client.documents.list(kind)}


async def test_a_host_goes_on_where_it_was_after_a_restart(
    host: AgentHost, files: Path, shared_server: ServerProcess, tenant: str
) -> None:
    """The whole story: start, chat, a restart of everything in the middle, and on with the conversation."""
    await host.start()
    assert await host.chat("planner", "monday", "Hello") == "planner was shown 1"
    assert await host.chat("planner", "monday", "Go on") == "planner was shown 3"

    await shared_server.restart()

    async with AgentHost(files, shared_server.target, tenant) as successor:
        synced = await successor.start()
        assert {kind: len(done.unchanged_ids) for kind, done in synced.items()} == {
            "agents": 2,
            "workflows": 1,
            "custom_workflows": 1,
        }
        assert await successor.chat("planner", "monday", "And now?") == "planner was shown 5"
        assert len(await host.load("planner", "monday")) == 6


@pytest.mark.parametrize("is_kept", [True, False])
async def test_persistence_is_optional(
    is_kept: bool, files: Path, shared_server: ServerProcess, tenant: str
) -> None:
    """Persistence is optional: one flag (here: which URL, or none), and without it everything else works."""
    target = shared_server.target if is_kept else None
    async with AgentHost(files, target, tenant) as host:
        synced = await host.start()
        assert host.configurations["agents", "planner"] == {"model": "large", "temperature": 0.2}
        await host.register("agents", "tester", {"model": "small"})
        assert await host.chat("tester", "monday", "Hello") == "tester was shown 1"
        assert await host.chat("tester", "monday", "Go on") == "tester was shown 3"
        assert await host.chat("coder", "monday", "Hello") == "coder was shown 1"
    async with AgentHost(files, target, tenant) as successor:
        messages = await successor.load("tester", "monday")
    assert bool(synced) == bool(messages) == is_kept


async def test_configurations_are_synchronised_from_files_at_start(
    host: AgentHost, files: Path, client: holdfastdb.AsyncClient, shared_server: ServerProcess
) -> None:
    """Configurations of agents, workflows and custom workflows: synchronised from files at start (all of
    them, in one call; new, changed and unchanged ones told apart ...)."""
    first = await host.start()
    assert first["agents"] == SyncResult(("coder", "planner"), (), (), ())
    assert first["workflows"].created_ids == ("review",)
    assert first["custom_workflows"].created_ids == ("mine",)
    write(files, "agents", "coder", {"model": "large"})
    write(files, "agents", "writer", {"model": "small"})
    await shared_server.restart()
    again = await host.start()
    assert again["agents"] == SyncResult(("writer",), ("coder",), ("planner",), ())
    kept = await contents(client, "agents")
    assert {name: document.version for name, document in kept.items()} == {
        "coder": 2,
        "planner": 1,
        "writer": 1,
    }
    # Exactly as it is in the file.
    assert kept["planner"].json_text == (files / "agents" / "planner.json").read_text()


async def test_configurations_gone_from_the_files_are_pruned_on_request(
    host: AgentHost, files: Path, client: holdfastdb.AsyncClient
) -> None:
    """... those gone from the files pruned on request ..."""
    await host.start()
    (files / "agents" / "coder.json").unlink()
    assert (await host.start())["agents"].deleted_ids == ()
    assert set(await contents(client, "agents")) == {"planner", "coder"}
    assert (await host.start(prune=True))["agents"].deleted_ids == ("coder",)
    assert set(await contents(client, "agents")) == {"planner"}
    assert set(await contents(client, "workflows")) == {"review"}


async def test_a_broken_file_changes_nothing(
    host: AgentHost, files: Path, client: holdfastdb.AsyncClient
) -> None:
    """(A start with a file that is no JSON says which, and leaves what is kept as it is.)"""
    await host.start()
    write(files, "agents", "writer", {})
    (files / "agents" / "coder.json").write_text("{")
    with pytest.raises(holdfastdb.InvalidArgument) as caught:
        await client.documents.sync_directory(files / "agents", prune=True)
    assert [violation.field for violation in caught.value.field_violations] == [
        str(files / "agents" / "coder.json")
    ]
    assert set(await contents(client, "agents")) == {"planner", "coder"}


async def test_one_configuration_at_a_time_at_registration(
    host: AgentHost, client: holdfastdb.AsyncClient
) -> None:
    """... and one at a time at registration."""
    await host.start()
    await host.register("agents", "tester", {"model": "small"})
    await host.register("agents", "tester", {"model": "small"})
    await host.register("agents", "coder", {"model": "large"})
    kept = await contents(client, "agents")
    assert {name: document.version for name, document in kept.items()} == {
        "coder": 2,
        "planner": 1,
        "tester": 1,
    }
    assert kept["tester"].value == {"model": "small"}


async def test_a_conversation_is_loaded_per_agent_and_session(host: AgentHost) -> None:
    """Conversation history per agent and session: load it ..."""
    await host.chat("planner", "monday", "for the planner")
    await host.chat("planner", "tuesday", "on another day")
    await host.chat("coder", "monday", "for the coder")
    assert (await host.load("planner", "monday"))[0] == {"role": "user", "content": "for the planner"}
    assert (await host.load("planner", "tuesday"))[0]["content"] == "on another day"
    assert (await host.load("coder", "monday"))[0]["content"] == "for the coder"
    assert await host.load("coder", "tuesday") == []


async def test_saving_the_full_history_replaces_what_was_there(
    host: AgentHost, shared_server: ServerProcess
) -> None:
    """... save the full history (replaces what was there ..."""
    long = [{"role": "user", "content": f"message {number}"} for number in range(300)]
    await host.save("planner", "monday", long)
    assert await host.load("planner", "monday") == long
    summary = [{"role": "system", "content": "They counted to 300."}]
    await host.save("planner", "monday", summary)
    await shared_server.restart()
    assert await host.load("planner", "monday") == summary


async def test_a_history_is_replaced_atomically(host: AgentHost) -> None:
    """... atomically)."""
    versions = [[{"role": "user", "content": f"{letter}"}] * size for letter, size in (("a", 40), ("b", 25))]
    await host.save("planner", "monday", versions[0])
    is_over = False

    async def write_on() -> None:
        nonlocal is_over
        for turn in range(1, 21):
            await host.save("planner", "monday", versions[turn % 2])
        is_over = True

    async def read_on() -> list[list[Chat]]:
        seen = [await host.load("planner", "monday")]
        while not is_over:
            seen.append(await host.load("planner", "monday"))
        return seen

    seen, _ = await asyncio.gather(read_on(), write_on())
    assert all(messages in versions for messages in seen)
    assert any(one != other for one, other in pairwise(seen))


async def test_with_its_history_an_agent_goes_on_where_it_stopped(
    host: AgentHost, files: Path, shared_server: ServerProcess, tenant: str
) -> None:
    """... with `include_history` the agent goes on where it stopped ..."""
    await host.chat("planner", "monday", "Hello")
    async with AgentHost(files, shared_server.target, tenant) as successor:
        assert await successor.chat("planner", "monday", "Go on") == "planner was shown 3"
        anew = await successor.chat("planner", "monday", "Hello", include_history=False)
        assert anew == "planner was shown 1"


async def test_the_content_of_a_message_is_any_json(host: AgentHost) -> None:
    """... message content is any JSON."""
    contents: list[Any] = [
        "text", "", "\U0001f9ed \u0000 \u2028", None, True, 0, -1.5e300, 2**63, [], {}, ["a", {"b": [None]}],
        [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}, {"type": "text"}],
    ]  # fmt: skip
    messages = [{"role": "user", "content": content} for content in contents]
    await host.save("planner", "monday", messages)
    loaded = await host.load("planner", "monday")
    assert json.dumps(loaded) == json.dumps(messages)


PASSWORD = "p@ss:w/rd?#[1] %41&='\" ü\\$"


@pytest.mark.postgres
@pytest.mark.parametrize("way", ["parts", "url"])
async def test_a_password_with_special_characters_works(
    way: str, cluster: PostgresCluster, tmp_path: Path
) -> None:
    """Connection by host, port, user, password, database in separate variables as well as by URL; a password
    with special characters works."""
    connection = await asyncpg.connect(cluster.url)
    quoted = await connection.fetchval("SELECT quote_literal($1)", PASSWORD)
    await connection.execute(f"CREATE ROLE host LOGIN PASSWORD {quoted}")
    await connection.execute("CREATE DATABASE configurations OWNER host")
    await connection.close()
    address = urlsplit(cluster.url)
    if way == "url":
        place = f"{address.hostname}:{address.port}"
        settings = {
            "HOLDFAST_DATABASE_URL": f"postgresql://host:{quote(PASSWORD, safe='')}@{place}/configurations"
        }
    else:
        settings = {
            "HOLDFAST_DB_HOST": str(address.hostname),
            "HOLDFAST_DB_PORT": str(address.port),
            "HOLDFAST_DB_USER": "host",
            "HOLDFAST_DB_PASSWORD": PASSWORD,
            "HOLDFAST_DB_NAME": "configurations",
        }
    server = ServerProcess(tmp_path, arguments=["--migrate"], environment=settings)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.kill)
        await server.start()
        client = await stack.enter_async_context(connected(server))
        assert (await client.documents.put("agents", "planner", {})).version == 1
        await server.stop()
    assert PASSWORD not in server.log
    assert quote(PASSWORD, safe="") not in server.log
