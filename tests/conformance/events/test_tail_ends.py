"""EventStore.tail: what ends a tail, and what refuses one."""

from __future__ import annotations

from holdfastdb_server.domain.errors import Overloaded, ServerDraining, SessionNotFound
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE, append, create, history, note, notes
from tests.support.stores import OpenStore
from tests.support.tailing import following


async def test_the_tail_of_an_absent_session_raises_session_not_found(store: Store) -> None:
    async with following(store, session_id="absent") as tail:
        assert isinstance(await tail.until_ended(), SessionNotFound)
    assert tail.yielded == []


async def test_deleting_the_session_ends_its_tails_with_session_not_found(store: Store) -> None:
    await append(store, note("e1"))
    async with following(store) as tail, following(store, None) as only_new:
        await tail.until_caught_up()
        await only_new.until_caught_up()
        await store.sessions.delete(NAMESPACE, "s")
        assert isinstance(await tail.until_ended(), SessionNotFound)
        assert isinstance(await only_new.until_ended(), SessionNotFound)


async def test_a_new_session_with_the_id_of_a_deleted_one_has_nothing_to_do_with_its_tails(
    store: Store,
) -> None:
    async with following(store) as tail:
        await tail.until_caught_up()
        await store.sessions.delete(NAMESPACE, "s")
        await create(store)
        await append(store, note("new"))
        assert isinstance(await tail.until_ended(), SessionNotFound)
        assert tail.events == []


async def test_draining_ends_every_tail_and_refuses_new_ones(store: Store) -> None:
    await create(store, "other")
    async with following(store) as one, following(store, session_id="other") as another:
        await one.until_caught_up()
        await another.until_caught_up()
        await store.drain_tails()
        assert isinstance(await one.until_ended(), ServerDraining)
        assert isinstance(await another.until_ended(), ServerDraining)
    async with following(store) as late:
        assert isinstance(await late.until_ended(), ServerDraining)


async def test_draining_ends_only_tails(store: Store) -> None:
    await store.drain_tails()
    assert await append(store, note("e1")) == [1]
    assert len(await history(store)) == 1


async def test_what_was_yielded_before_the_drain_can_be_continued_elsewhere(
    store: SqlStore, open_store: OpenStore
) -> None:
    await append(store, *notes(3))
    async with following(store) as tail:
        await tail.until_caught_up()
        await store.drain_tails()
        await tail.until_ended()
    await append(store, *notes(2, "missed"))
    await store.close()
    again = await open_store()
    async with following(again, tail.sequences[-1]) as rest:
        await rest.until_caught_up()
        assert tail.sequences + rest.sequences == [1, 2, 3, 4, 5]


async def test_too_many_tails_raise_overloaded(store: SqlStore, open_store: OpenStore) -> None:
    await store.close()
    store = await open_store(max_tails=2)
    async with following(store) as one:
        async with following(store) as two:
            await one.until_caught_up()
            await two.until_caught_up()
            async with following(store) as three:
                assert isinstance(await three.until_ended(), Overloaded)
        async with following(store) as again:
            await again.until_caught_up()


async def test_a_tail_that_is_closed_while_it_waits_leaves_nothing_behind(store: SqlStore) -> None:
    for _ in range(20):
        async with following(store) as tail:
            await tail.until_caught_up()
    assert not store._tails._open
    assert not store._signals._watches
