"""What must hold for any calls: lists that change while they are paged, writes that are repeated.

Few examples, unless HOLDFAST_TEST_EXAMPLES asks for more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import count
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfastdb_server.domain.events import EventFilter, Replacement
from holdfastdb_server.domain.paging import Cursor, Page, PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import (
    SessionChange,
    SessionFields,
    SessionFilter,
    SessionStatus,
    Transition,
)
from holdfastdb_server.domain.states import StateFilter, StatePatch
from tests.support.content import create, draft, note, write
from tests.support.examples import few
from tests.support.stores import StoreOpener

T = TypeVar("T")
SIZES = st.integers(1, 7)


class World:
    """A store for examples that know nothing of asyncio; each has a namespace of its own."""

    def __init__(self, store: Store, run: Callable[..., Any]) -> None:
        self.store = store
        self.run = run
        self._numbers = count(1)

    def namespace(self) -> str:
        """Return a namespace in which there is nothing."""
        return f"example-{next(self._numbers)}"


@pytest.fixture
def world(database_url: str, store_options: dict[str, Any]) -> Iterator[World]:
    """A world on each engine in turn."""
    opener = StoreOpener(database_url, **store_options)
    with asyncio.Runner() as runner:
        yield World(runner.run(opener()), runner.run)
        runner.run(opener.close())


class Reading:
    """A list that is read page by page while others change it."""

    def __init__(self, fetch: Callable[[PageRequest], Awaitable[Page[Any]]], descending: bool) -> None:
        self._fetch = fetch
        self._descending = descending
        self._after: Cursor | None = None
        self.ended = False
        self.items: list[Any] = []

    async def read(self, size: int) -> None:
        """Read the next page, if there is one."""
        if self.ended:
            return
        page = await self._fetch(PageRequest(size, self._after, self._descending))
        assert len(page.items) <= size
        self.items += page.items
        self._after = page.next
        self.ended = page.next is None

    async def read_to_the_end(self, size: int) -> None:
        while not self.ended:
            await self.read(size)


def check_paged(seen: Sequence[str], always: Sequence[str], ever: set[str]) -> None:
    """Check that what was there all the time was seen once, in order, and nothing else twice."""
    assert len(set(seen)) == len(seen)
    assert set(seen) <= ever
    assert [name for name in seen if name in set(always)] == list(always)


CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("page"), SIZES),
        st.tuples(st.just("add"), st.just(0)),
        st.tuples(st.just("remove"), st.integers(0, 20)),
        st.tuples(st.just("change"), st.integers(0, 20)),
    ),
    max_size=15,
)


def test_sessions_that_come_go_and_change_while_paging_disturb_no_other(world: World) -> None:
    async def example(start: int, changes: list[tuple[str, int]], descending: bool, size: int) -> None:
        store, namespace = world.store, world.namespace()
        names = [f"s{number}" for number in range(start)]
        for name in names:
            await create(store, name, namespace=namespace, user_id="ada")
        always, ever = list(names), set(names)
        where = SessionFilter(user_id="ada")
        reading = Reading(lambda page: store.sessions.list(namespace, where, page), descending)
        for what, place in changes:
            if what == "page":
                await reading.read(place)
            elif what == "add":
                name = f"new{len(ever)}"
                await create(store, name, namespace=namespace, user_id="ada")
                ever.add(name)
            elif always:
                name = always[place % len(always)]
                if what == "remove":
                    await store.sessions.delete(namespace, name)
                    always.remove(name)
                else:
                    change = SessionChange(SessionFields(labels={"place": str(place)}), merges=True).checked()
                    await store.sessions.update(namespace, name, change)
        await reading.read_to_the_end(size)
        seen = [session.session_id for session in reading.items]
        check_paged(seen, always[::-1] if descending else always, ever)

    @few(20)
    @given(st.integers(0, 12), CHANGES, st.booleans(), SIZES)
    def any_example(start: int, changes: list[tuple[str, int]], descending: bool, size: int) -> None:
        world.run(example(start, changes, descending, size))

    any_example()


def test_events_that_come_and_go_while_paging_disturb_no_other(world: World) -> None:
    async def example(start: int, changes: list[tuple[str, int]], descending: bool, size: int) -> None:
        store, namespace = world.store, world.namespace()
        await create(store, "s", namespace=namespace)
        always = [f"e{number}" for number in range(start)]
        ever = set(always)
        if always:
            await store.events.append(namespace, "s", [note(name) for name in always])
        where = EventFilter(types=("note",))
        reading = Reading(lambda page: store.events.list(namespace, "s", where, page), descending)
        for what, place in changes:
            if what == "page":
                await reading.read(place)
            elif what == "add":
                name = f"new{len(ever)}"
                await store.events.append(namespace, "s", [note(name)])
                ever.add(name)
            else:
                # Both remove the newest events; a change puts another one in their place.
                added = [note(f"new{len(ever)}")] if what == "change" else []
                ever.update(event.event_id for event in added)
                wanted = Replacement(newest=place % 4 + 1, events=added).checked()
                await store.events.replace(namespace, "s", wanted)
                page = await store.events.list(namespace, "s", where, PageRequest(1_000))
                always = [event.event_id for event in page.items if event.event_id in set(always)]
        await reading.read_to_the_end(size)
        seen = [event.event_id for event in reading.items]
        check_paged(seen, always[::-1] if descending else always, ever)

    @few(20)
    @given(st.integers(0, 12), CHANGES, st.booleans(), SIZES)
    def any_example(start: int, changes: list[tuple[str, int]], descending: bool, size: int) -> None:
        world.run(example(start, changes, descending, size))

    any_example()


def test_pages_of_any_size_are_full_but_the_last_and_none_is_missing(world: World) -> None:
    async def example(length: int, size: int, descending: bool) -> None:
        store, namespace = world.store, world.namespace()
        keys = [f"k{number:02}" for number in range(length)]
        await create(store, "s", namespace=namespace)
        if keys:
            await store.states.save(namespace, "s", [write(key) for key in keys])
        found: list[list[str]] = []
        after: Cursor | None = None
        while True:
            request = PageRequest(size, after, descending, with_total=True)
            page = await store.states.list(namespace, "s", StateFilter(), request)
            found.append([state.key for state in page.items])
            assert page.total_size == length
            if page.next is None:
                break
            after = page.next
        ordered = keys[::-1] if descending else keys
        # At least one page, and no page of nothing after full ones.
        assert found == [ordered[start : start + size] for start in range(0, max(length, 1), size)]

    @few(25)
    @given(st.integers(0, 14), SIZES, st.booleans())
    def any_example(length: int, size: int, descending: bool) -> None:
        world.run(example(length, size, descending))

    any_example()


KEYS = st.sampled_from(["a", "b"])
WRITES = st.lists(
    st.one_of(
        st.tuples(st.just("append"), KEYS),
        st.tuples(st.just("save"), KEYS),
        st.tuples(st.just("patch"), KEYS),
        st.tuples(st.just("label"), KEYS),
        st.tuples(st.just("replace"), KEYS),
        st.tuples(st.just("move"), st.sampled_from(["active", "completed"])),
    ),
    min_size=1,
    max_size=8,
)


class Repeatable:
    """The writes of a caller that may repeat any of them, with what each answered at first."""

    def __init__(self, store: Store, namespace: str) -> None:
        self._store = store
        self._namespace = namespace

    async def answer(self, number: int, what: str, argument: str) -> object:
        """Do a write and return what must be the same whenever it is repeated: its answer or its error."""
        try:
            return await self._do(number, what, argument)
        except Exception as error:  # noqa: BLE001 -- compared with that of the repetition
            return type(error), str(error)

    async def _do(self, number: int, what: str, argument: str) -> object:
        store, at, request_id = self._store, (self._namespace, "s"), f"request-{number}"
        match what:
            case "append":
                appended = await store.events.append(*at, [note(f"e{number}", argument), note(f"f{number}")])
                return [receipt.sequence for receipt in appended.receipts]
            case "save":
                saved = await store.states.save(*at, [write(argument, f'{{"n":{number}}}')], request_id)
                return [(state.key, state.version) for state in saved]
            case "patch":
                patch = StatePatch(argument, f'{{"p{number}":1}}').checked()
                state = await store.states.patch(*at, patch, request_id)
                return state.key, state.version, state.payload
            case "label":
                change = SessionChange(SessionFields(labels={argument: str(number)}), merges=True).checked()
                await store.sessions.update(*at, change, request_id=request_id)
                return None
            case "replace":
                wanted = Replacement(newest=1, events=[note(f"r{number}")]).checked()
                replaced = await store.events.replace(*at, wanted, request_id=request_id)
                return replaced.removed_count, [receipt.sequence for receipt in replaced.receipts]
            case _:
                move = Transition(SessionStatus(argument))
                await store.sessions.transition(*at, move, request_id=request_id)
                return None

    async def seen(self) -> object:
        """Return all that the writes have made of the session, but for the times."""
        store, at = self._store, (self._namespace, "s")
        session = await store.sessions.get(*at)
        events = await store.events.list(*at, EventFilter(), PageRequest(1_000))
        everything = StateFilter(all_versions=True)
        states = await store.states.list(*at, everything, PageRequest(100))
        return (
            (session.status, session.version, session.last_sequence, session.fields),
            [(event.sequence, event.type, event.actor, event.body) for event in events.items],
            [(state.key, state.version, state.payload, state.session_sequence) for state in states.items],
        )


def test_writes_that_are_repeated_any_time_later_change_nothing_and_get_the_first_answer(
    world: World,
) -> None:
    async def example(writes: list[tuple[str, str]], repetitions: list[list[int]]) -> None:
        once = Repeatable(world.store, world.namespace())
        again = Repeatable(world.store, world.namespace())
        for caller in (once, again):
            await world.store.sessions.create(caller._namespace, draft("s"))
        answers: list[object] = []
        for number, (what, argument) in enumerate(writes):
            answers.append(await once.answer(number, what, argument))
            assert await again.answer(number, what, argument) == answers[-1]
            for earlier in repetitions[number]:
                repeated = earlier % (number + 1)
                if is_remembered(writes[repeated : number + 1], answers[repeated]):
                    assert await again.answer(repeated, *writes[repeated]) == answers[repeated]
        assert await again.seen() == await once.seen()

    @few(20)
    @given(WRITES, st.lists(st.lists(st.integers(0, 7), max_size=3), min_size=8, max_size=8))
    def any_example(writes: list[tuple[str, str]], repetitions: list[list[int]]) -> None:
        world.run(example(writes, repetitions))

    any_example()


def is_remembered(writes: Sequence[tuple[str, str]], answer: object) -> bool:
    """Whether repeating the first of the writes now, after the others, must get its first answer.

    What failed has left nothing and may succeed later. An event that was removed since is appended anew.
    """
    kinds = [what for what, _ in writes]
    failed = isinstance(answer, tuple) and isinstance(answer[0], type)
    return not failed and not (kinds[0] == "append" and "replace" in kinds)
