"""EventStore.list_trace: the events of one trace in all sessions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.events import Event, EventFilter
from holdfastdb_server.domain.limits import MEBIBYTE, PAGE_BYTES
from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.storage.engines.columns import to_micros
from holdfastdb_server.storage.schema import sessions
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE, Fetch, append, create, note, pages, read_all
from tests.support.events import lister


class TestTrace:
    """list_trace: the events of one trace in all sessions."""

    @pytest.fixture(autouse=True)
    async def events(self, store: Store) -> None:
        """Three sessions; `c` is created before `b` and its events are appended last."""
        for session_id in ("c", "b", "a"):
            await create(store, session_id)
        for number in (1, 2, 3):
            for session_id in ("a", "b", "c"):
                await append(
                    store,
                    note(f"{session_id}{number}", trace_id="x", actor=f"actor{number}"),
                    note(f"other{number}", trace_id="y"),
                    note(f"none{number}"),
                    session_id=session_id,
                )
        await append(store, note("stranger's", trace_id="x"), namespace="stranger")

    ORDER = ("c1", "c2", "c3", "b1", "b2", "b3", "a1", "a2", "a3")

    def lister(self, store: Store, **where: Any) -> Fetch[Event]:
        checked = EventFilter(**{"trace_id": "x", **where}).checked()
        return lambda page: store.events.list_trace(NAMESPACE, checked, page)

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("size", [1, 2, 3, 4, 9, 1_000])
    async def test_they_come_by_session_and_sequence(self, store: Store, size: int, descending: bool) -> None:
        events = await read_all(self.lister(store), size=size, descending=descending)
        wanted = list(self.ORDER[::-1] if descending else self.ORDER)
        assert [event.event_id for event in events] == wanted
        assert [event.session_id for event in events] == [name[0] for name in wanted]

    async def test_each_is_the_same_as_in_its_session(self, store: Store) -> None:
        events = await read_all(self.lister(store), size=100)
        alone = await read_all(lister(store, EventFilter(trace_id="x"), session_id="b"), size=100)
        assert [event for event in events if event.session_id == "b"] == alone

    async def test_further_filters_hold_too(self, store: Store) -> None:
        events = await read_all(self.lister(store, actor="actor2"), size=2)
        assert [event.event_id for event in events] == ["c2", "b2", "a2"]

    async def test_an_unknown_trace_has_no_events(self, store: Store) -> None:
        assert await read_all(self.lister(store, trace_id="absent"), size=2) == []

    async def test_the_cursor_is_the_sessions_time_its_key_and_the_sequence(self, store: Store) -> None:
        page = await self.lister(store)(PageRequest(2))
        assert page.next is not None
        session = await store.sessions.get(NAMESPACE, page.items[-1].session_id)
        assert page.next[0] == to_micros(session.create_time)
        assert page.next[2] == page.items[-1].sequence
        assert all(isinstance(part, int) for part in page.next)

    @pytest.mark.parametrize("descending", [False, True])
    async def test_sessions_come_by_time_where_their_keys_do_not(
        self, store: SqlStore, descending: bool
    ) -> None:
        """As on a distributed database, each of whose nodes gives keys from a range of its own."""
        ages = {"a": 3, "c": 2, "b": 1}

        async def put_back(connection: AsyncConnection) -> None:
            for session_id, age in ages.items():
                time = datetime.now(UTC) - timedelta(hours=age)
                update = sessions.update().where(sessions.c.id == session_id)
                await connection.execute(update.values(create_time=time))

        await store._database.write(put_back)
        events = await read_all(self.lister(store), size=2, descending=descending)
        wanted = [f"{session_id}{number}" for session_id in "acb" for number in (1, 2, 3)]
        assert [event.event_id for event in events] == wanted[:: -1 if descending else 1]

    async def test_the_total_counts_all_that_match(self, store: Store) -> None:
        page = await self.lister(store)(PageRequest(2, with_total=True))
        assert page.total_size == 9

    async def test_deleted_sessions_have_no_events(self, store: Store) -> None:
        await store.sessions.delete(NAMESPACE, "b")
        events = await read_all(self.lister(store), size=2)
        assert [event.event_id for event in events] == ["c1", "c2", "c3", "a1", "a2", "a3"]

    async def test_a_page_ends_before_it_passes_the_page_bytes(self, store: Store) -> None:
        for number in range(5):
            event = note(f"large{number}", trace_id="z", body=Payload(data=bytes(MEBIBYTE)))
            await append(store, event, session_id="ab"[number % 2])
        read = [page async for page in pages(self.lister(store, trace_id="z"), 100)]
        assert sum(len(page.items) for page in read) == 5
        assert all(len(page.items) <= PAGE_BYTES // MEBIBYTE for page in read)
