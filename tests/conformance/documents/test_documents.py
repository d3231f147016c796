"""DocumentStore: put, get and delete, and parents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfastdb_server.domain.documents.document import DocumentFields, DocumentKey
from holdfastdb_server.domain.errors import (
    DependencyCycle,
    DocumentHasChildren,
    DocumentNotFound,
    ParentNotFound,
    RequestIdTaken,
    VersionMismatch,
)
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE
from tests.support.documents import draft, get, key, listed, names, put, rows

FULL: dict[str, Any] = {
    "content": Payload(json=' {"b": 1.50, "a": "\\u0000\\ud83e\\udd91", "a": 12345678901234567890} '),
    "labels": {"env": "prod", "ключ": "🦑"},
    "metadata": {"count": 3, "deep": {"list": [1, None, True]}},
    "ttl": timedelta(hours=1, microseconds=3),
}


async def make(store: Store, *document_ids: str, **fields: Any) -> None:
    for document_id in document_ids:
        await put(store, draft(document_id, **fields))


async def test_a_new_document_is_at_version_1(store: Store) -> None:
    before = datetime.now(UTC)
    done = await put(store, draft(**FULL))
    document = done.document
    assert (done.is_created, done.is_parent_created) == (True, False)
    assert (document.key, document.version) == (key(), 1)
    assert document.fields == DocumentFields(**FULL)
    assert before <= document.create_time == document.update_time <= datetime.now(UTC)
    assert document.expire_time == document.update_time + FULL["ttl"]


async def test_get_returns_what_put_returned(store: Store) -> None:
    for document_id, fields in (("full", FULL), ("plain", {}), ("child", {"parent": key("full")})):
        done = await put(store, draft(document_id, **fields))
        assert await get(store, document_id) == done.document


@pytest.mark.parametrize(
    "content",
    [
        Payload(json="1e400"),
        Payload(json="[" * 500 + "]" * 500),
        Payload(json='{"\\u0000":"\\u0000\\ud83e\\udd91"}'),
        Payload(json='"\ud7ff\x7f\uffff🦑"'),
        Payload(data=bytes(range(256)), media_type="image/png"),
        Payload(data=b""),
        Payload(json="{}", media_type="application/ld+json"),
    ],
    ids=["large number", "deep", "escapes", "unusual", "bytes", "nothing", "media type"],
)
async def test_content_comes_back_exactly(store: Store, content: Payload) -> None:
    await put(store, draft(content=content))
    assert (await get(store)).fields.content == content


async def test_a_document_without_an_id_gets_a_new_one(store: Store) -> None:
    ids = {(await put(store, draft(""))).document.key.document_id for _ in range(3)}
    assert len(ids) == 3


async def test_a_put_replaces_the_document_whole_with_the_next_version(store: Store) -> None:
    first = (await put(store, draft(**FULL))).document
    done = await put(store, draft(json="[1]"))
    assert not done.is_created
    assert done.document.fields == DocumentFields(Payload(json="[1]"))
    assert (done.document.version, done.document.expire_time) == (2, None)
    assert done.document.create_time == first.create_time < done.document.update_time
    assert await get(store) == done.document


async def test_a_put_that_changes_nothing_leaves_the_version(store: Store) -> None:
    first = (await put(store, draft(**FULL))).document
    again = await put(store, draft(**FULL))
    assert not again.is_created
    assert again.document.version == 1
    assert again.document.update_time == first.update_time
    assert again.document == await get(store)


@pytest.mark.parametrize(
    "fields",
    [
        {"content": Payload(json='{"a": 1}')},
        {"content": Payload(data=b"{}")},
        {"content": Payload(json="{}", media_type="x/y")},
        {"labels": {"a": "b"}},
        {"metadata": {"a": 1}},
        {"ttl": timedelta(days=1)},
        {"parent": DocumentKey("c", "parent")},
    ],
    ids=lambda fields: next(iter(fields)),
)
async def test_any_field_makes_a_change(store: Store, fields: dict[str, Any]) -> None:
    await make(store, "parent", "d")
    assert (await put(store, draft(**fields))).document.version == 2
    assert (await put(store, draft(**fields))).document.version == 2
    assert (await put(store)).document.version == 3


async def test_a_stale_version_changes_nothing_and_learns_the_actual_one(store: Store) -> None:
    await put(store)
    await put(store, draft(json="1"), expected_version=1)
    for expected in (0, 1, 3):
        with pytest.raises(VersionMismatch) as caught:
            await put(store, draft(json="2"), expected_version=expected)
        assert caught.value.metadata == {
            "resource": "document",
            "id": "c/d",
            "expected": str(expected),
            "actual": "2",
        }
    assert (await get(store)).fields.content == Payload(json="1")
    with pytest.raises(VersionMismatch) as caught:
        await put(store, draft("new"), expected_version=1)
    assert caught.value.metadata["actual"] == "0"
    assert (await put(store, draft("new"), expected_version=0)).is_created


async def test_one_that_is_to_be_kept_is_returned_and_not_changed(store: Store) -> None:
    first = (await put(store, draft(json="1"), keep_existing=True)).document
    done = await put(store, draft(json="2"), keep_existing=True)
    assert (done.document, done.is_created, done.is_parent_created) == (first, False, False)
    parent = draft("p", collection="parents")
    child = draft(json="3", parent=parent.key)
    done = await put(store, child, keep_existing=True, missing_parent=parent)
    assert (done.document, done.is_created, done.is_parent_created) == (first, False, False)
    assert await names(store) == ["c/d"]


async def test_getting_an_absent_document_raises_document_not_found(store: Store) -> None:
    await put(store)
    for document_id, collection in (("x", "c"), ("d", "x"), ("d", "c/d"), ("D", "c")):
        with pytest.raises(DocumentNotFound) as caught:
            await get(store, document_id, collection)
        assert caught.value.metadata == {"collection": collection, "document_id": document_id}


async def test_an_absent_parent_is_refused(store: Store) -> None:
    with pytest.raises(ParentNotFound) as caught:
        await put(store, draft(parent=key("p", "parents")))
    assert caught.value.metadata == {"collection": "parents", "document_id": "p"}
    assert await names(store) == []


async def test_a_missing_parent_is_created_in_the_same_call(store: Store) -> None:
    parent = draft("p", "[1]", collection="parents", labels={"a": "b"})
    done = await put(store, draft(parent=parent.key), missing_parent=parent)
    assert (done.is_created, done.is_parent_created) == (True, True)
    made = await get(store, "p", "parents")
    assert (made.fields, made.version) == (parent.fields, 1)
    other = draft("p", "[2]", collection="parents")
    done = await put(store, draft("d2", parent=parent.key), missing_parent=other)
    assert (done.is_created, done.is_parent_created) == (True, False)
    assert await get(store, "p", "parents") == made


async def test_a_put_that_is_refused_creates_no_parent(store: Store) -> None:
    await put(store)
    parent = draft("p", parent=key("grandparent"))
    with pytest.raises(VersionMismatch):
        await put(store, draft(parent=key("p")), missing_parent=draft("p"), expected_version=7)
    with pytest.raises(ParentNotFound):
        await put(store, draft(parent=key("p")), missing_parent=parent)
    assert await names(store) == ["c/d"]


async def test_no_document_is_among_its_own_ancestors(store: Store) -> None:
    with pytest.raises(DependencyCycle):
        await put(store, draft(parent=key()))
    await put(store, draft("a"))
    await put(store, draft("b", parent=key("a")))
    await put(store, draft("x", parent=key("b")))
    for parent in ("a", "b", "x"):
        with pytest.raises(DependencyCycle) as caught:
            await put(store, draft("a", parent=key(parent)))
        assert caught.value.metadata == {"collection": "c", "document_id": "a"}
    with pytest.raises(DependencyCycle):
        await put(store, draft("new", parent=key("p")), missing_parent=draft("p", parent=key("new")))
    assert (await get(store, "a")).version == 1
    assert len(await names(store)) == 3


async def test_a_document_may_move_to_another_parent(store: Store) -> None:
    await make(store, "a", "b")
    await put(store, draft(parent=key("a")))
    await put(store, draft(parent=key("b")))
    assert await names(store, parent=key("a")) == []
    assert await names(store, parent=key("b")) == ["c/d"]
    assert await store.documents.delete(NAMESPACE, key("a")) == 1


async def test_a_deleted_document_is_gone_and_starts_at_version_1_again(store: Store) -> None:
    await put(store, draft(json='{"a": "word"}', **{**FULL, "content": Payload(json="[1]")}))
    await put(store)
    assert await store.documents.delete(NAMESPACE, key()) == 1
    with pytest.raises(DocumentNotFound):
        await get(store)
    with pytest.raises(DocumentNotFound):
        await store.documents.delete(NAMESPACE, key())
    assert (await put(store)).document.version == 1


async def test_deleting_is_guarded_by_the_version(store: Store) -> None:
    await put(store)
    with pytest.raises(VersionMismatch) as caught:
        await store.documents.delete(NAMESPACE, key(), 2)
    assert caught.value.metadata["actual"] == "1"
    assert await store.documents.delete(NAMESPACE, key(), 1) == 1


async def test_a_parent_is_deleted_only_with_its_children(store: Store) -> None:
    await make(store, "a", "other")
    await make(store, "b1", "b2", parent=key("a"))
    await put(store, draft("x", collection="elsewhere", parent=key("b1")))
    with pytest.raises(DocumentHasChildren) as caught:
        await store.documents.delete(NAMESPACE, key("a"))
    assert caught.value.metadata == {"collection": "c", "document_id": "a"}
    assert len(await listed(store)) == 5
    assert await store.documents.delete(NAMESPACE, key("a"), with_children=True) == 4
    assert await names(store) == ["c/other"]


async def test_a_long_line_of_descendants_is_deleted(store: SqlStore) -> None:
    await put(store, draft("0"))
    for number in range(1, 60):
        await put(store, draft(str(number), parent=key(str(number - 1))))
    assert await store.documents.delete(NAMESPACE, key("0"), with_children=True) == 60
    assert await rows(store) == 0


async def test_a_repeated_request_changes_nothing_and_gets_the_first_result(store: Store) -> None:
    parent = draft("p")
    child = draft("", json="1", parent=parent.key)
    first = await put(store, child, missing_parent=parent, request_id="r")
    await put(store, draft(first.document.key.document_id, json="2"))
    again = await put(store, child, missing_parent=parent, request_id="r")
    assert (again.is_created, again.is_parent_created) == (True, True)
    assert again.document.key == first.document.key
    assert again.document.fields.content == Payload(json="2")
    assert len(await names(store)) == 2


async def test_a_request_id_is_for_one_request(store: Store) -> None:
    await put(store, request_id="r")
    with pytest.raises(RequestIdTaken):
        await put(store, draft(json="2"), request_id="r")
    assert (await get(store)).version == 1
    await store.documents.delete(NAMESPACE, key())
    with pytest.raises(DocumentNotFound):
        await put(store, request_id="r")


async def test_a_request_that_failed_may_be_repeated(store: Store) -> None:
    with pytest.raises(ParentNotFound):
        await put(store, draft(parent=key("p")), request_id="r")
    await put(store, draft("p"))
    assert (await put(store, draft(parent=key("p")), request_id="r")).is_created


async def test_namespaces_never_see_each_other(store: Store) -> None:
    await put(store, draft(json="1"))
    assert (await put(store, draft(json="2"), namespace="other")).is_created
    assert (await get(store)).fields.content == Payload(json="1")
    await put(store, draft("only"))
    with pytest.raises(ParentNotFound):
        await put(store, draft(parent=key("only")), namespace="other")
    with pytest.raises(DocumentNotFound):
        await store.documents.delete("other", key("only"))
    assert await names(store, namespace="other") == ["c/d"]
    assert await names(store, namespace="other", parent=key("only")) == []
