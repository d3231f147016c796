"""What the methods for documents send, and what they make of the answer."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import holdfastdb
from holdfastdb import DocumentDraft, DocumentKey
from holdfastdb.v1 import document_service_pb2 as pb
from holdfastdb.v1 import payload_pb2
from tests.unit.client.scripted import Script

DOCUMENT = pb.Document(
    collection="agents", document_id="planner", content=payload_pb2.Payload(json='{"a":1.50}'), version=3
)


@pytest.fixture(autouse=True)
def answers(script: Script) -> None:
    script.on("PutDocument", pb.PutDocumentResponse(document=DOCUMENT, created=True))
    script.on("GetDocument", pb.GetDocumentResponse(document=DOCUMENT))
    script.on("ListDocuments", pb.ListDocumentsResponse(documents=[DOCUMENT], scores=[0.5]))
    script.on("DeleteDocument", pb.DeleteDocumentResponse(deleted_count=4))
    script.on("SyncDocuments", pb.SyncDocumentsResponse(created_ids=["a"], deleted_ids=["x", "y"]))
    script.on("ListCollections", pb.ListCollectionsResponse(collections=["a", "a/b"], total_size=2))


async def last(script: Script, call: Awaitable[object]) -> Any:
    await call
    return script.calls[-1].request


async def test_a_document_comes_back_as_it_was_put(client: holdfastdb.AsyncClient, script: Script) -> None:
    answer = pb.Document(collection="c", document_id="d", content=payload_pb2.Payload(data=b"\0"), version=1)
    answer.parent.collection, answer.parent.document_id = "p", "q"
    answer.ttl.FromTimedelta(timedelta(hours=1))
    answer.expire_time.FromSeconds(60)
    script.on("GetDocument", pb.GetDocumentResponse(document=answer))
    document = await client.documents.get("c", "d", refresh_ttl=True)
    assert script.calls[-1].request.refresh_ttl
    assert document.key == DocumentKey("c", "d") == ("c", "d")
    assert (document.value, document.data, document.json_text) == (b"\0", b"\0", None)
    assert (document.parent, document.ttl) == (("p", "q"), timedelta(hours=1))
    assert document.expire_time == datetime(1970, 1, 1, 0, 1, tzinfo=UTC)


async def test_put_sends_the_whole_document(client: holdfastdb.AsyncClient, script: Script) -> None:
    document = await client.documents.put(
        "c",
        "d",
        {"b": 1, "a": 2},
        parent=("p", "q"),
        missing_parent=DocumentDraft({"account": "acme"}, labels={"x": "y"}),
        labels={"env": "prod"},
        metadata={"m": 1},
        ttl=timedelta(seconds=90),
        expected_version=0,
    )
    assert (document.json_text, document.value) == ('{"a":1.50}', {"a": 1.5})
    request = script.calls[-1].request
    sent = request.document
    assert (sent.collection, sent.document_id, sent.content.json) == ("c", "d", '{"b":1,"a":2}')
    assert (sent.parent.collection, sent.parent.document_id, sent.ttl.seconds) == ("p", "q", 90)
    assert (dict(sent.labels), sent.metadata["m"]) == ({"env": "prod"}, 1)
    assert (request.missing_parent.content.json, request.missing_parent.document_id) == (
        '{"account":"acme"}',
        "",
    )
    assert request.HasField("expected_version")
    assert not request.keep_existing
    uuid.UUID(request.request_id)


async def test_a_put_without_an_id_makes_one(client: holdfastdb.AsyncClient, script: Script) -> None:
    uuid.UUID((await last(script, client.documents.put("c", None, 1))).document.document_id)


async def test_get_or_create_says_whether_it_is_new(client: holdfastdb.AsyncClient, script: Script) -> None:
    document, is_new = await client.documents.get_or_create("c", "d", b"x")
    assert (document.version, is_new) == (3, True)
    request = script.calls[-1].request
    assert request.keep_existing
    assert not request.HasField("expected_version")
    assert request.document.content.data == b"x"


async def test_content_filters_are_values_or_operators(
    client: holdfastdb.AsyncClient, script: Script
) -> None:
    content = {
        "/active": True,
        "/stars": {"$gte": 10, "$lt": 2**64},
        "/owner": {"name": "x"},
        "/literal": {"$eq": {"$gt": 1}},
        "": {"$ne": None},
    }
    request = await last(script, client.documents.list("c", content=content).page())
    sent = [(one.pointer, one.operator, one.value_json) for one in request.content_filters]
    assert sent == [
        ("/active", pb.CONTENT_OPERATOR_EQUAL, "true"),
        ("/stars", pb.CONTENT_OPERATOR_GREATER_OR_EQUAL, "10"),
        ("/stars", pb.CONTENT_OPERATOR_LESS, "18446744073709551616"),
        ("/owner", pb.CONTENT_OPERATOR_EQUAL, '{"name":"x"}'),
        ("/literal", pb.CONTENT_OPERATOR_EQUAL, '{"$gt":1}'),
        ("", pb.CONTENT_OPERATOR_NOT_EQUAL, "null"),
    ]
    with pytest.raises(holdfastdb.InvalidArgument, match=r"'\$in' is not one of \$eq, \$ne"):
        client.documents.list(content={"/a": {"$in": [1]}})


async def test_list_and_search_take_the_same_filters(client: holdfastdb.AsyncClient, script: Script) -> None:
    filters: dict[str, Any] = {
        "collection_prefix": "a/b",
        "parent": ("p", "q"),
        "labels": {"x": "y"},
        "metadata": {"m": None},
        "refresh_ttl": True,
        "omit_payload": True,
        "page_size": 7,
    }
    listed = await last(script, client.documents.list(**filters, order="descending").page())
    (found,) = (await client.documents.search("dark theme", **filters).page()).items
    searched = script.calls[-1].request
    assert (found.document.document_id, found.score) == ("planner", 0.5)
    assert searched.query == "dark theme"
    assert listed.order
    listed.ClearField("order")
    searched.ClearField("query")
    assert listed == searched
    assert listed.WhichOneof("scope") == "collection_prefix"
    everything = await last(script, client.documents.list().page())
    assert everything.WhichOneof("scope") is None
    with pytest.raises(holdfastdb.InvalidArgument, match="collection_prefix"):
        client.documents.list("a", collection_prefix="b")
    a_text: Any = "ab"
    with pytest.raises(holdfastdb.InvalidArgument, match="parent"):
        client.documents.list(parent=a_text)


async def test_delete_says_how_many(client: holdfastdb.AsyncClient, script: Script) -> None:
    assert await client.documents.delete("c", "d", with_children=True, expected_version=2) == 4
    request = script.calls[-1].request
    assert (request.with_children, request.expected_version, request.allow_missing) == (True, 2, False)


async def test_sync_takes_values_and_drafts(client: holdfastdb.AsyncClient, script: Script) -> None:
    drafts = {"a": [1], "b": DocumentDraft(b"x", parent=("agents", "a"), labels={"l": "m"})}
    done = await client.documents.sync("agents", drafts, prune=True)
    assert (done.created_ids, done.updated_ids, done.deleted_ids) == (("a",), (), ("x", "y"))
    request = script.calls[-1].request
    assert (request.collection, request.prune) == ("agents", True)
    assert [one.document_id for one in request.documents] == ["a", "b"]
    assert request.documents[1].parent.document_id == "a"
    uuid.UUID(request.request_id)
    with pytest.raises(holdfastdb.InvalidArgument, match=r"documents\['bad'\]\.value"):
        await client.documents.sync("agents", {"bad": {1, 2}})


async def test_a_directory_is_a_collection(
    client: holdfastdb.AsyncClient, script: Script, tmp_path: Path
) -> None:
    directory = tmp_path / "agents"
    directory.mkdir()
    (directory / "planner.json").write_text(' {"b": 1.50, "a": "é"}\n', encoding="utf-8")
    for name in ("notes.txt", ".hidden.json"):
        (directory / name).write_text("{")
    (directory / "sub.json").mkdir()
    request = await last(script, client.documents.sync_directory(directory))
    assert (request.collection, request.prune) == ("agents", False)
    sent = [(one.document_id, one.content.json) for one in request.documents]
    assert sent == [("planner", ' {"b": 1.50, "a": "é"}\n')]
    request = await last(script, client.documents.sync_directory(str(directory), "a/b", prune=True))
    assert (request.collection, request.prune) == ("a/b", True)


async def test_every_broken_file_is_named_and_nothing_is_sent(
    client: holdfastdb.AsyncClient, script: Script, tmp_path: Path
) -> None:
    (tmp_path / "good.json").write_text("{}")
    (tmp_path / "cut.json").write_text('{"a":')
    (tmp_path / "nan.json").write_text("[NaN]")
    (tmp_path / "latin.json").write_bytes(b'"\xe9"')
    with pytest.raises(holdfastdb.InvalidArgument) as caught:
        await client.documents.sync_directory(tmp_path)
    broken = [Path(one.field).name for one in caught.value.field_violations]
    assert broken == ["cut.json", "latin.json", "nan.json"]
    assert not script.calls
    with pytest.raises(FileNotFoundError):
        await client.documents.sync_directory(tmp_path / "absent")


async def test_collections_are_paths(client: holdfastdb.AsyncClient, script: Script) -> None:
    page = await client.documents.collections("a", suffix="b", max_depth=2, include_total_size=True).page()
    assert (page.items, page.total_size) == (("a", "a/b"), 2)
    request = script.calls[-1].request
    assert (request.prefix, request.suffix, request.max_depth) == ("a", "b", 2)
