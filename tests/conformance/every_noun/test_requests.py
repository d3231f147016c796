"""What a `request_id` does, for every write that takes one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from holdfastdb_server.domain.errors import (
    Aborted,
    HoldfastError,
    RequestIdTaken,
    SequenceMismatch,
    TransitionNotAllowed,
    VersionMismatch,
)
from holdfastdb_server.domain.events import Replacement
from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import (
    Session,
    SessionChange,
    SessionFields,
    SessionStatus,
    Transition,
)
from holdfastdb_server.domain.states import StateFilter, StatePatch
from holdfastdb_server.domain.values import Payload
from tests.support.changes import mask_of
from tests.support.content import NAMESPACE, append, create, history, move, note, notes, write

Call: TypeAlias = Callable[[Store, str], Awaitable[Any]]


def update(title: str, expected: int | None = None, **fields: Any) -> Call:
    change = SessionChange(SessionFields(title=title, **fields), *mask_of({"title": title, **fields}, None))
    return lambda store, request_id: store.sessions.update(NAMESPACE, "s", change, expected, request_id)


def transition(status: SessionStatus, reason: str = "", expected: int | None = None) -> Call:
    wanted = Transition(status, reason)
    return lambda store, request_id: store.sessions.transition(NAMESPACE, "s", wanted, expected, request_id)


def save(text: str, expected: int | None = None, **fields: Any) -> Call:
    writes = [write("k", text, expected=expected, **fields), write("second")]
    return lambda store, request_id: store.states.save(NAMESPACE, "s", writes, request_id)


def patch(text: str, expected: int | None = None) -> Call:
    wanted = StatePatch("k", text, expected_version=expected)
    return lambda store, request_id: store.states.patch(NAMESPACE, "s", wanted, request_id)


def replace(text: str, expected: int | None = None, **what: Any) -> Call:
    wanted = Replacement(events=(note("new", text),), **what)
    return lambda store, request_id: store.events.replace(NAMESPACE, "s", wanted, expected, request_id)


# For each method a request, and others that differ from it in one thing.
REQUESTS: dict[str, tuple[Call, list[Call]]] = {
    "update": (
        update("one"),
        [update("two"), update("one", 1), update("one", labels={"a": "1"}), update("one", metadata={"a": 1})],
    ),
    "transition": (
        transition(SessionStatus.ACTIVE),
        [transition(SessionStatus.EXPIRED), transition(SessionStatus.ACTIVE, "reason")],
    ),
    "save": (
        save("1"),
        [save("2"), save("1", 1), save("1", metadata={"a": 1}), save("1", run_id="r"), save("1 ")],
    ),
    "patch": (patch('{"a":1}'), [patch('{"a":2}'), patch('{"a":1}', 1), patch('{"a": 1}')]),
    "replace": (replace("one"), [replace("two"), replace("one", newest=1), replace("one", 3)]),
}
METHODS = list(REQUESTS)


@pytest.fixture(autouse=True)
async def session(store: Store) -> None:
    """Every test here has a session `s` with events and a state."""
    await create(store)
    await append(store, *notes(3))
    await store.states.save(NAMESPACE, "s", [write("k", "{}")])


async def is_answer_of(store: Store, first: Any, again: Any) -> bool:
    """Whether a repeated request got the first result, or the session as it is now where that is one."""
    return bool(again == (await store.sessions.get(NAMESPACE, "s") if isinstance(first, Session) else first))


async def everything(store: Store) -> tuple[Any, ...]:
    """All that can be seen of the session."""
    page = await store.states.list(NAMESPACE, "s", StateFilter(all_versions=True), PageRequest(1_000))
    return await store.sessions.get(NAMESPACE, "s"), await history(store), list(page.items)


@pytest.mark.parametrize("method", METHODS)
async def test_a_repeated_request_changes_nothing_and_returns_the_first_result(
    store: Store, method: str
) -> None:
    call, _ = REQUESTS[method]
    first = await call(store, "r1")
    before = await everything(store)
    assert await call(store, "r1") == first
    assert await everything(store) == before


@pytest.mark.parametrize("method", METHODS)
async def test_it_is_answered_even_when_much_has_happened_since(store: Store, method: str) -> None:
    call, _ = REQUESTS[method]
    first = await call(store, "r1")
    await append(store, note("later"))
    await update("later")(store, "")
    await save("[]")(store, "")
    await replace("later", newest=1, kinds=frozenset())(store, "") if method != "replace" else None
    before = await everything(store)
    assert await is_answer_of(store, first, await call(store, "r1"))
    assert await everything(store) == before


@pytest.mark.parametrize("method", [method for method in METHODS if method != "transition"])
async def test_it_is_answered_even_after_the_sessions_end(store: Store, method: str) -> None:
    call, _ = REQUESTS[method]
    first = await call(store, "r1")
    await move(store, "s", SessionStatus.COMPLETED)
    before = await everything(store)
    assert await is_answer_of(store, first, await call(store, "r1"))
    assert await everything(store) == before


@pytest.mark.parametrize(
    ("first", "error"),
    [
        (update("one", 1), VersionMismatch),
        (transition(SessionStatus.ACTIVE, "", 1), VersionMismatch),
        (save("1", 1), VersionMismatch),
        (patch('{"a":1}', 1), VersionMismatch),
        (replace("one", 3), SequenceMismatch),
    ],
    ids=METHODS,
)
async def test_its_expectation_is_not_checked_again(
    store: Store, first: Call, error: type[HoldfastError]
) -> None:
    result = await first(store, "r1")
    assert await first(store, "r1") == result
    with pytest.raises((error, TransitionNotAllowed)):
        await first(store, "r2")


@pytest.mark.parametrize("method", METHODS)
async def test_another_request_with_the_same_id_raises_request_id_taken(store: Store, method: str) -> None:
    call, others = REQUESTS[method]
    await call(store, "r1")
    before = await everything(store)
    for other in others:
        with pytest.raises(RequestIdTaken) as caught:
            await other(store, "r1")
        assert caught.value.metadata == {"request_id": "r1"}
    assert await everything(store) == before


@pytest.mark.parametrize("method", METHODS)
async def test_another_method_with_the_same_id_raises_request_id_taken(store: Store, method: str) -> None:
    call, _ = REQUESTS[method]
    await call(store, "r1")
    before = await everything(store)
    for other in METHODS:
        if other != method:
            with pytest.raises(RequestIdTaken):
                await REQUESTS[other][0](store, "r1")
    assert await everything(store) == before


@pytest.mark.parametrize("method", METHODS)
async def test_without_an_id_a_request_is_carried_out_each_time(store: Store, method: str) -> None:
    call, _ = REQUESTS[method]
    await call(store, "")
    before = await everything(store)
    if method == "transition":
        with pytest.raises(TransitionNotAllowed):
            await call(store, "")
    elif method == "update":
        assert (await call(store, "")).version == before[0].version
    else:
        await call(store, "")
        assert await everything(store) != before


@pytest.mark.parametrize(
    ("refused", "accepted"),
    [
        (update("one", 9), update("two")),
        (transition(SessionStatus.FAILED), transition(SessionStatus.ACTIVE)),
        (save("1", 9), save("2")),
        (patch('{"a":1}', 9), patch('{"a":2}')),
        (replace("one", 9), replace("two")),
    ],
    ids=METHODS,
)
async def test_a_request_that_was_refused_is_not_remembered(
    store: Store, refused: Call, accepted: Call
) -> None:
    with pytest.raises((Aborted, TransitionNotAllowed)):
        await refused(store, "r1")
    await accepted(store, "r1")


@pytest.mark.parametrize("method", METHODS)
async def test_a_request_sent_many_times_at_once_is_carried_out_once(store: Store, method: str) -> None:
    call, _ = REQUESTS[method]
    before = await store.sessions.get(NAMESPACE, "s")
    results = await asyncio.gather(*(call(store, "r1") for _ in range(10)))
    assert len(set(map(repr, results))) == 1
    session, events, states = await everything(store)
    assert session.version - before.version <= 1
    assert sum(event.sequence > before.last_sequence for event in events) <= 2
    assert max(state.version for state in states) <= 2


async def test_other_ids_are_other_requests(store: Store) -> None:
    for number in range(3):
        await save(str(number))(store, f"r{number}")
    assert (await store.states.load(NAMESPACE, "s", "k")).version == 4


async def test_many_requests_with_ids_at_once_are_each_carried_out(store: Store) -> None:
    calls = [save(str(number))(store, f"r{number % 10}") for number in range(10)]
    calls += [save(str(number))(store, f"r{number % 10}") for number in range(10)]
    results = await asyncio.gather(*calls)
    assert [repr(result) for result in results[:10]] == [repr(result) for result in results[10:]]
    assert sorted(result[0].version for result in results[:10]) == list(range(2, 12))


async def test_the_same_id_means_nothing_in_another_namespace(store: Store) -> None:
    await create(store, namespace="elsewhere")
    await update("one")(store, "r1")
    change = SessionChange(SessionFields(title="two"), frozenset({"title"}))
    updated = await store.sessions.update("elsewhere", "s", change, None, "r1")
    assert updated.fields.title == "two"


async def test_a_patch_repeated_returns_its_own_version(store: Store) -> None:
    first = await patch('{"a":1}')(store, "r1")
    await patch('{"b":2}')(store, "r2")
    again = await patch('{"a":1}')(store, "r1")
    assert again == first
    assert again.payload == Payload(json='{"a":1}')
