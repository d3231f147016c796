"""What the users of today's agent stores ask for, as far as no other test shows it through the client."""

from __future__ import annotations

import ast
import pickle
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

import holdfastdb
from holdfastdb import Event
from tests.support.clients import connected
from tests.support.servers import ServerProcess

SOURCES = Path(__file__).parents[2]
NUL = "before\u0000after"


async def test_a_nul_in_a_tools_output_is_kept(
    client: holdfastdb.AsyncClient, shared_server: ServerProcess
) -> None:
    r"""6. `\u0000` in a tool's output fails the write."""
    await client.sessions.create("s")
    await client.history.append("s", Event.message("tool", [holdfastdb.ToolCallResponse(NUL, id="call-1")]))
    await client.history.append("s", Event.step(observation=NUL))
    await client.history.append("s", Event.of("tool.finished", {NUL: [NUL]}))
    await client.states.save("s", {"output": NUL})
    await shared_server.restart()
    message, step, finished = [event async for event in client.history.list("s")]
    assert isinstance(message.body, holdfastdb.Message)
    assert message.body.parts == (holdfastdb.ToolCallResponse(NUL, id="call-1"),)
    assert isinstance(step.body, holdfastdb.Step)
    assert step.body.observation == NUL
    assert finished.value == {NUL: [NUL]}
    assert (await client.states.load("s")).value == {"output": NUL}


async def test_sessions_have_an_owner_a_title_and_metadata_and_are_listed_by_them(
    client: holdfastdb.AsyncClient,
) -> None:
    """8. No owner, title or metadata on sessions, no list by user."""
    await client.sessions.create(
        "one", user_id="ada", title="Trip to Paris", metadata={"project": "x", "cost": 7}
    )
    await client.sessions.create("two", user_id="bob", labels={"team": "support"})
    session = await client.sessions.get("one")
    assert (session.user_id, session.title) == ("ada", "Trip to Paris")
    for where, found in (
        ({"user_id": "ada"}, "one"),
        ({"metadata": {"cost": 7}}, "one"),
        ({"labels": {"team": "support"}}, "two"),
    ):
        assert [one.session_id async for one in client.sessions.list(**where)] == [found]


async def test_a_conversation_is_forked_and_rewound(
    client: holdfastdb.AsyncClient, shared_server: ServerProcess
) -> None:
    """9. Fork and rewind."""
    await client.sessions.create("s", user_id="ada")
    for number in range(1, 6):
        await client.history.append("s", Event.message("user", f"message {number}"))
        await client.states.save("s", {"message": number})
    await client.sessions.fork("s", "another-try", sequence=3)
    await shared_server.restart()
    await client.history.append("another-try", Event.message("user", "something else"))
    copied = [event async for event in client.history.list("another-try", types=["message"])]
    assert [event.body.text for event in copied if isinstance(event.body, holdfastdb.Message)] == [
        "message 1",
        "message 2",
        "message 3",
        "something else",
    ]
    assert (await client.states.load("another-try")).value == {"message": 3}
    await client.history.rewind("s", after_sequence=2)
    left = [event.sequence async for event in client.history.list("s", types=["message"])]
    assert left == [1, 2]
    assert (await client.history.append("s", Event.message("user", "anew"))).last_sequence > 5


class Trap:
    """Unpickling it raises."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise RuntimeError('stored data was run as code')",)


async def test_bytes_that_would_run_code_come_back_as_bytes(client: holdfastdb.AsyncClient) -> None:
    """12. Deserialising stored data runs code."""
    trap = pickle.dumps(Trap())
    await client.sessions.create("s")
    await client.states.save("s", holdfastdb.Data(trap, "application/x-python-pickle"))
    assert (await client.states.load("s")).value == trap


def test_nothing_that_runs_stored_data_is_imported() -> None:
    """12. Deserialising stored data runs code."""
    forbidden = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle"}
    files = [*(SOURCES / "server").rglob("*.py"), *(SOURCES / "client" / "python").rglob("*.py")]
    assert len(files) > 100
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
                assert not {name.partition(".")[0] for name in names} & forbidden, file
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec"), file


@pytest.fixture
async def alone(server: ServerProcess) -> AsyncIterator[holdfastdb.AsyncClient]:
    """A client of a server that nobody else uses, on each engine in turn."""
    async with connected(server) as client:
        yield client


async def test_everything_about_one_user_is_erased(alone: holdfastdb.AsyncClient, database_url: str) -> None:
    """14. Erase everything about one user."""
    for user in ("lovelace", "babbage"):
        await keep_something_of(alone, user)
    assert await mentions(database_url, "lovelace-secret") > 8
    others = await mentions(database_url, "babbage-secret")

    async for session in alone.sessions.list(user_id="lovelace"):
        await alone.sessions.delete(session.session_id)
    async for memory in alone.memories.list(user_id="lovelace"):
        await alone.memories.delete(memory.memory_id)
    async for document in alone.documents.list(collection_prefix="users/lovelace"):
        await alone.documents.delete(document.collection, document.document_id)

    assert await mentions(database_url, "lovelace-secret") == 0
    assert await mentions(database_url, "babbage-secret") == others


async def keep_something_of(client: holdfastdb.AsyncClient, user: str) -> None:
    """Have a secret of a user in everything that there is."""
    secret, session = f"{user}-secret", f"session-of-{user}"
    await client.sessions.create(
        session, user_id=user, title=secret, labels={"l": secret}, metadata={"m": secret}
    )
    await client.history.append(session, Event.message("user", secret, labels={"l": secret}))
    await client.states.save(session, secret, metadata={"m": secret})
    await client.tasks.create("job", secret, session_id=session, metadata={"m": secret})
    run = await client.runs.start(input=secret, session_id=session)
    await client.runs.complete(run.run_id, secret)
    await client.approvals.request(title=secret, payload=secret, session_id=session)
    await client.plans.create([secret], session_id=session, title=secret)
    await client.memories.create(secret, user_id=user)
    await client.documents.put(f"users/{user}", "settings", secret)


async def mentions(database_url: str, text: str) -> int:
    """Return how many rows of the database hold a text, in whatever column."""
    if database_url.startswith("sqlite"):
        with sqlite3.connect(database_url.removeprefix("sqlite:///")) as file:
            tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            rows = [row for table in tables for row in file.execute(f'SELECT * FROM "{table}"')]
        file.close()
        return sum(text in repr(row) for row in rows)
    connection = await asyncpg.connect(database_url)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    found = 0
    for (table,) in tables:
        query = f'SELECT count(*) FROM "{table}" AS r WHERE strpos(r::text, $1) > 0'
        found += await connection.fetchval(query, text)
    await connection.close()
    return found


async def test_a_history_larger_than_a_grpc_message_is_read(client: holdfastdb.AsyncClient) -> None:
    """15. A history page larger than the 4 MiB gRPC limit can never be read."""
    await client.sessions.create("s")
    for number in range(12):
        await client.history.append("s", Event.of("output", {"number": number, "text": "x" * 1024 * 1024}))
    pages = [page async for page in client.history.list("s", page_size=1_000).pages()]
    assert len(pages) > 1
    numbers = [event.value["number"] for page in pages for event in page.items]
    assert numbers == list(range(12))
