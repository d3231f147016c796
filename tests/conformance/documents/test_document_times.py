"""Times to live at their very end, and of families of which the members change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest

from holdfastdb_server.domain.documents.filters import CollectionFilter
from holdfastdb_server.domain.errors import DocumentNotFound
from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE
from tests.support.documents import HOUR, SECOND, draft, get, key, let_pass, names, put, rows, sync

MODULES = ("collections", "lists", "store", "tree")
MICROSECOND = timedelta(microseconds=1)


def stop_clock(monkeypatch: pytest.MonkeyPatch, at: datetime | None, *modules: str) -> None:
    """Let it be a certain time in modules that store documents."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return at

    for module in modules:
        monkeypatch.setattr(f"holdfastdb_server.storage.documents.{module}.datetime", Stopped)


async def test_a_document_exists_until_its_expire_time_and_not_at_it(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = (await put(store, draft(ttl=HOUR))).document.expire_time
    assert end is not None
    stop_clock(monkeypatch, end - MICROSECOND, *MODULES)
    assert await names(store) == ["c/d"]
    assert (await get(store)).expire_time == end
    assert await store.documents.delete_lapsed(10) == 0
    stop_clock(monkeypatch, end, *MODULES)
    assert await names(store) == []
    found = await store.documents.list_collections(NAMESPACE, CollectionFilter(), PageRequest(10))
    assert found.items == []
    with pytest.raises(DocumentNotFound):
        await get(store)
    with pytest.raises(DocumentNotFound):
        await store.documents.delete(NAMESPACE, key())
    assert await rows(store) == 1
    assert await store.documents.delete_lapsed(10) == 1
    assert await rows(store) == 0


async def test_a_put_is_done_at_one_time(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    document = (await put(store, draft(ttl=HOUR))).document
    assert document.expire_time is not None
    stop_clock(monkeypatch, document.expire_time - MICROSECOND, "tree")
    stop_clock(monkeypatch, document.expire_time, "store")
    assert (await put(store, keep_existing=True)).document == document


async def test_a_parent_that_is_refreshed_lives_no_longer_than_its_last_child(store: SqlStore) -> None:
    await put(store, draft("p", ttl=SECOND))
    await put(store, draft(parent=key("p"), ttl=HOUR))
    await get(store, "p", refresh_ttl=True)
    await let_pass(store, 0.9 * HOUR)
    assert await names(store) == ["c/d", "c/p"]
    await let_pass(store, 0.2 * HOUR)
    assert await names(store) == []


async def test_a_parent_that_was_kept_for_ever_is_deleted_with_its_child(store: SqlStore) -> None:
    await put(store, draft("p", ttl=SECOND))
    await put(store, draft(parent=key("p")))
    await let_pass(store, SECOND)
    assert await store.documents.delete_lapsed(10) == 0
    await put(store, draft(parent=key("p"), ttl=SECOND))
    await let_pass(store, SECOND)
    assert await store.documents.delete_lapsed(10) == 2


async def test_a_parent_whose_child_goes_early_is_deleted_when_it_lapses(store: SqlStore) -> None:
    await put(store, draft("p", ttl=SECOND))
    await put(store, draft(parent=key("p"), ttl=HOUR))
    await let_pass(store, SECOND)
    assert await store.documents.delete_lapsed(10) == 0
    await store.documents.delete(NAMESPACE, key())
    assert await store.documents.delete_lapsed(10) == 1
    assert await rows(store) == 0


async def test_those_that_lapsed_first_are_deleted_first(store: SqlStore) -> None:
    for name in ("last", "next", "first"):
        await sync(store, draft(name, ttl={"last": 3, "next": 2, "first": 1}[name] * SECOND))
    now = datetime.now(UTC)
    await let_pass(store, HOUR)
    assert await store.documents.delete_lapsed(2) == 2
    await let_pass(store, now - datetime.now(UTC) - HOUR)
    assert await names(store) == ["c/last"]
