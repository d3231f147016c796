"""Lists stay whole while what they list changes.

Few examples, unless HOLDFAST_TEST_EXAMPLES asks for more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from hypothesis import given
from hypothesis import strategies as st

from holdfastdb_server.domain.events import EventFilter, Replacement
from holdfastdb_server.domain.paging import Cursor, Page, PageRequest
from holdfastdb_server.domain.sessions import SessionChange, SessionFields, SessionFilter
from holdfastdb_server.domain.states import StateFilter
from tests.properties.world import World
from tests.support.content import create, note, write
from tests.support.examples import few

T = TypeVar("T")
SIZES = st.integers(1, 7)


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
