"""Which of the two ways to write a store takes, seen on its connections to PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from holdfastdb_server.domain.errors import HoldfastError
from holdfastdb_server.domain.limits import Policy
from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.domain.sessions import SessionFilter
from holdfastdb_server.storage.observer import WritePath
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import EVERYTHING, NAMESPACE, append, create, note, save, write
from tests.support.lent_stores import PLANNED
from tests.support.observers import CountingObserver
from tests.support.postgres_proxy import PostgresProxy
from tests.support.stores import StoreOpener

# What tails wait for. SELECT 1 opens and watches connections.
_OF_ITS_OWN = re.compile(r"^LISTEN|pg_notify")
_VERB_AND_TABLE = re.compile(r"(SELECT|INSERT|UPDATE|DELETE).*?(?:FROM|INTO|(?<=^UPDATE)) (\w+)", re.DOTALL)


@pytest.fixture
async def proxy(postgres_url: str) -> AsyncIterator[PostgresProxy]:
    """Sees what a store runs on the test's database."""
    async with PostgresProxy(postgres_url) as proxy:
        yield proxy


@pytest.fixture
async def opener(proxy: PostgresProxy) -> AsyncIterator[StoreOpener]:
    """Opens stores through the proxy, which do nothing of their own accord while a test lasts."""
    opener = StoreOpener(proxy.url, poll_interval=600.0)
    yield opener
    await opener.close()


async def opened(opener: StoreOpener, proxy: PostgresProxy, **options: Any) -> SqlStore:
    """Return a store with a session `s`, whose statements have been prepared."""
    store = await opener(**options)
    await create(store)
    await append(store, note("first"))
    await save(store, write())
    proxy.statements.clear()
    return store


def executed(proxy: PostgresProxy) -> list[str]:
    """Return the first words of all statements but those that a store runs of its own accord."""
    called = [text for text in proxy.statements if text != "SELECT 1" and not _OF_ITS_OWN.search(text)]
    return [" ".join(text.split()[:2]) for text in called]


def touched(proxy: PostgresProxy) -> list[str]:
    """Return what each statement does to which table; ROLLBACK stands for itself."""
    matches = [
        (text, _VERB_AND_TABLE.match(text)) for text in proxy.statements if not _OF_ITS_OWN.search(text)
    ]
    named = [" ".join(match.groups()) if match else text.rstrip(";") for text, match in matches]
    return [name for name in named if name != "SELECT 1" and not name.startswith(("BEGIN", "COMMIT"))]


async def test_an_append_is_one_statement(opener: StoreOpener, proxy: PostgresProxy) -> None:
    store = await opened(opener, proxy)
    assert await append(store, note("second"), note("third")) == [2, 3]
    assert executed(proxy) == ["WITH requested"]


async def test_a_save_is_one_statement(opener: StoreOpener, proxy: PostgresProxy) -> None:
    store = await opened(opener, proxy)
    assert await save(store, write("k"), write("other"), request_id="r") == [2, 1]
    assert executed(proxy) == ["WITH requested"]


async def test_appends_and_saves_at_once_are_a_statement_for_each_kind(
    opener: StoreOpener, proxy: PostgresProxy
) -> None:
    store = await opened(opener, proxy)
    await asyncio.gather(
        *(append(store, note(f"e{number}")) for number in range(10)),
        *(save(store, write(f"k{number}")) for number in range(10)),
    )
    assert executed(proxy) == ["WITH requested"] * 2


@pytest.mark.parametrize(
    "read",
    [
        lambda store: store.sessions.get(NAMESPACE, "s"),
        lambda store: store.sessions.list(NAMESPACE, SessionFilter(), PageRequest(10)),
        lambda store: store.events.list(NAMESPACE, "s", EVERYTHING, PageRequest(10)),
        lambda store: store.states.load(NAMESPACE, "s", "k"),
    ],
    ids=["get", "list", "history", "load"],
)
async def test_a_read_needs_no_transaction(
    opener: StoreOpener, proxy: PostgresProxy, read: Callable[[SqlStore], Awaitable[object]]
) -> None:
    store = await opened(opener, proxy)
    await read(store)
    assert not {"BEGIN ISOLATION", "COMMIT;", "ROLLBACK;"} & set(executed(proxy))
    assert 1 <= len(executed(proxy)) <= 2


@pytest.mark.parametrize("operation", ["append", "save"])
async def test_without_single_statements_a_write_is_a_transaction(
    opener: StoreOpener, proxy: PostgresProxy, operation: str
) -> None:
    store = await opened(opener, proxy, **PLANNED)
    await (append(store, note("second")) if operation == "append" else save(store, write()))
    first, *statements, last = executed(proxy)
    assert (first.rstrip(";"), last.rstrip(";")) == ("BEGIN ISOLATION", "COMMIT")
    assert statements
    assert "WITH requested" not in statements


LOCK, HEADS = "SELECT sessions", "SELECT states"
APPEND = ["INSERT events", "UPDATE sessions"]
SAVE = ["INSERT state_versions", "INSERT states", "UPDATE sessions"]
# What a new store with a session `s`, an event `e`, and two versions of `k` runs in a transaction.
PLANS: dict[str, tuple[Callable[[SqlStore], Awaitable[object]], list[str]]] = {
    "append": (lambda store: append(store, note("new")), [LOCK, *APPEND]),
    "append without an id": (lambda store: append(store, note()), [LOCK, *APPEND]),
    "repeated append": (
        lambda store: append(store, note("e")),
        [LOCK, "INSERT events", "ROLLBACK", LOCK, "SELECT events"],
    ),
    "refused append": (lambda store: append(store, note("new"), expected=9), [LOCK, "SELECT events"]),
    "refused append without an id": (lambda store: append(store, note(), expected=9), [LOCK]),
    "refused append to no session": (lambda store: append(store, note("new"), session_id="no"), [LOCK]),
    "save of a version that leaves none over": (
        lambda store: save(store, write("new")),
        [LOCK, HEADS, *SAVE],
    ),
    "save of one more than are kept": (
        lambda store: save(store, write("k")),
        [LOCK, HEADS, *SAVE[:2], "DELETE state_versions", "UPDATE sessions"],
    ),
    "save with an id": (
        lambda store: save(store, write("new"), request_id="new"),
        [LOCK, HEADS, "INSERT requests", *SAVE],
    ),
    "repeated save": (
        lambda store: save(store, write("k"), request_id="r"),
        [LOCK, HEADS, "INSERT requests", "ROLLBACK", LOCK, HEADS, "SELECT requests"],
    ),
    "refused save": (lambda store: save(store, write("k", expected=9)), [LOCK, HEADS]),
    "refused save with an id": (
        lambda store: save(store, write("k", expected=9), request_id="new"),
        [LOCK, HEADS, "SELECT requests"],
    ),
}


@pytest.mark.parametrize("name", PLANS)
async def test_a_planned_write_reads_ids_only_where_they_may_be_known(
    opener: StoreOpener, proxy: PostgresProxy, name: str
) -> None:
    store = await opener(policy=Policy(state_versions_kept=2), **PLANNED)
    await create(store)
    await append(store, note("e"))
    await save(store, write("k"), request_id="r0")
    proxy.statements.clear()
    await save(store, write("k"), request_id="r")
    assert touched(proxy) == [LOCK, HEADS, "INSERT requests", *SAVE]
    proxy.statements.clear()
    call, expected = PLANS[name]
    with contextlib.suppress(HoldfastError):
        await call(store)
    assert touched(proxy) == expected


@pytest.mark.parametrize(
    ("engine", "options", "path"),
    [
        ("sqlite", {}, "planned"),
        pytest.param("postgres", {}, "single_statement", marks=pytest.mark.postgres),
        pytest.param("postgres", PLANNED, "planned", marks=pytest.mark.postgres),
    ],
)
async def test_every_engine_takes_its_own_way(
    open_store: StoreOpener, options: dict[str, Any], path: WritePath
) -> None:
    observer = CountingObserver()
    store = await open_store(observer=observer, **options)
    await create(store)
    for number in range(3):
        await append(store, note(f"e{number}"))
        await save(store, write(), request_id=f"r{number}")
    assert observer.finished == {("append", path): 3, ("save", path): 3}
    assert not observer.fell_back
