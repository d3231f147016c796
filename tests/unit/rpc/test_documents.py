"""Documents between protobuf and domain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from holdfastdb.v1 import document_service_pb2 as pb
from holdfastdb.v1 import payload_pb2
from holdfastdb_server.domain.documents.document import (
    Document,
    DocumentFields,
    DocumentKey,
    PutResult,
    SyncResult,
    check_collection,
)
from holdfastdb_server.domain.documents.filters import CollectionFilter, ContentOperator, Match
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.limits import PAYLOAD_BYTES
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.rpc.convert import documents

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
EMPTY = payload_pb2.Payload(json="{}")


def refused(call: Any, request: Any) -> str:
    """Return the field that is refused."""
    with pytest.raises(InvalidField) as caught:
        call(request)
    return caught.value.field


def a_document(**fields: Any) -> Document:
    return Document(
        DocumentKey("c/d", "x"), DocumentFields(**fields), 3, NOON, NOON, NOON + timedelta(hours=1)
    )


def test_a_put_is_read_whole() -> None:
    request = ParseDict(
        {
            "document": {
                "collection": "github/repositories",
                "documentId": "site",
                "content": {"json": "[1]", "mediaType": "x/y"},
                "parent": {"collection": "github/installations", "documentId": "7"},
                "labels": {"a": "b"},
                "metadata": {"n": 3},
                "ttl": "90s",
                "version": 12,
            },
            "expectedVersion": "0",
            "missingParent": {"content": {"data": "AA=="}, "labels": {"x": "y"}},
        },
        pb.PutDocumentRequest(),
    )
    put = documents.read_put(request)
    parent = DocumentKey("github/installations", "7")
    assert put.draft.key == DocumentKey("github/repositories", "site")
    assert put.draft.fields == DocumentFields(
        Payload(json="[1]", media_type="x/y"), parent, {"a": "b"}, {"n": 3}, timedelta(seconds=90)
    )
    assert (put.expected_version, put.keep_existing) == (0, False)
    assert put.missing_parent is not None
    assert (put.missing_parent.key, put.missing_parent.fields.labels) == (parent, {"x": "y"})


def put_request(**fields: Any) -> pb.PutDocumentRequest:
    return pb.PutDocumentRequest(document=pb.Document(collection="c", content=EMPTY), **fields)


def test_an_empty_id_stands_for_a_new_one() -> None:
    put = documents.read_put(put_request())
    assert put.draft.key.document_id == ""
    ids = {put.draft.identified().key.document_id for _ in range(2)}
    assert len(ids) == 2
    assert put.fingerprint() == documents.read_put(put_request()).fingerprint()


def test_what_contradicts_itself_is_refused() -> None:
    parent = pb.DocumentKey(collection="p", document_id="q")
    missing = pb.Document(content=EMPTY)
    request = put_request(keep_existing=True, expected_version=1)
    assert refused(documents.read_put, request) == "expected_version"
    assert refused(documents.read_put, put_request(missing_parent=missing)) == "missing_parent"
    for name in ("collection", "document_id"):
        request = put_request(missing_parent=missing)
        request.document.parent.CopyFrom(parent)
        assert documents.read_put(request).missing_parent
        setattr(request.missing_parent, name, "other")
        assert refused(documents.read_put, request) == f"missing_parent.{name}"
    half = payload_pb2.Payload(data=b"x" * (PAYLOAD_BYTES // 2 + 1))
    request = put_request(missing_parent=pb.Document(content=half))
    request.document.parent.CopyFrom(parent)
    request.document.content.CopyFrom(half)
    assert refused(documents.read_put, request) == "missing_parent.content"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"collection": ""}, "document.collection"),
        ({"document_id": "a\nb"}, "document.document_id"),
        ({"content": payload_pb2.Payload()}, "document.content"),
        ({"content": payload_pb2.Payload(json="{")}, "document.content.json"),
        ({"parent": pb.DocumentKey(collection="c")}, "document.parent.document_id"),
        ({"parent": pb.DocumentKey(document_id="d")}, "document.parent.collection"),
        ({"ttl": timedelta(milliseconds=999)}, "document.ttl"),
        ({"labels": {"": "x"}}, "document.labels"),
    ],
)
def test_a_bad_field_is_named(changes: dict[str, Any], field: str) -> None:
    document = pb.Document(**{"collection": "c", "document_id": "d", "content": EMPTY, **changes})
    assert refused(documents.read_put, pb.PutDocumentRequest(document=document)) == field
    in_sync = pb.SyncDocumentsRequest(collection="c", documents=[document])
    if changes.get("collection") != "":
        assert refused(documents.read_sync, in_sync) == field.replace("document.", "documents[0].", 1)


@pytest.mark.parametrize("path", ["a", "a/b/c", "a b", "Ä/🦑", "**", "*a", "/".join("a" * 64), "x" * 255])
def test_a_path_is_segments(path: str) -> None:
    assert check_collection("collection", path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        "*",
        "a/*",
        "a/*/b",
        "a\n",
        "/".join("a" * 65),
        "x" * 256,
        "ä/" * 400 + "a",
    ],
)
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(InvalidField):
        check_collection("collection", path)


def list_request(**fields: Any) -> pb.ListDocumentsRequest:
    return pb.ListDocumentsRequest(**fields)


def test_a_filter_is_read() -> None:
    where = documents.read_filter(
        list_request(
            collection_prefix="a/b",
            query="Two WORDS two",
            content_filters=[
                pb.ContentFilter(
                    pointer="/a/0", operator=pb.CONTENT_OPERATOR_GREATER_OR_EQUAL, value_json=" 1.50 "
                )
            ],
            labels={"l": "1"},
            omit_payload=True,
        )
    )
    assert (where.collection, where.collection_prefix) == ("", "a/b")
    assert where.words == ("two", "words")
    assert (where.content[0].path, where.content[0].operator) == (
        ("a", "0"),
        ContentOperator.GREATER_OR_EQUAL,
    )
    assert (dict(where.labels), where.omit_payload) == ({"l": "1"}, True)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"pointer": "a"}, "pointer"),
        ({"pointer": "/" + "a" * 1_024}, "pointer"),
        ({"operator": pb.CONTENT_OPERATOR_UNSPECIFIED}, "operator"),
        ({"value_json": ""}, "value_json"),
        ({"value_json": "{"}, "value_json"),
        ({"value_json": f'"{"x" * 65_535}"'}, "value_json"),
        ({"operator": pb.CONTENT_OPERATOR_LESS, "value_json": "true"}, "value_json"),
        ({"operator": pb.CONTENT_OPERATOR_LESS, "value_json": "[1]"}, "value_json"),
    ],
)
def test_a_bad_content_filter_is_named(fields: dict[str, Any], field: str) -> None:
    good = {"pointer": "/a", "operator": pb.CONTENT_OPERATOR_EQUAL, "value_json": "1"}
    request = list_request(content_filters=[pb.ContentFilter(**{**good, **fields})])
    assert refused(documents.read_filter, request) == f"content_filters[0].{field}"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"collection": ""}, "collection"),
        ({"collection_prefix": "a/"}, "collection_prefix"),
        ({"query": "!?"}, "query"),
        ({"query": "word", "order": payload_pb2.SORT_ORDER_ASCENDING}, "order"),
        ({"query": " ".join(map(str, range(65)))}, "query"),
        (
            {"content_filters": [pb.ContentFilter(operator=pb.CONTENT_OPERATOR_EQUAL, value_json="1")] * 65},
            "content_filters",
        ),
        ({"parent": pb.DocumentKey(collection="c")}, "parent.document_id"),
    ],
)
def test_a_bad_filter_is_named(fields: dict[str, Any], field: str) -> None:
    assert refused(documents.read_filter, list_request(**fields)) == field


def test_a_sync_has_each_id_once_and_one_collection() -> None:
    def request(*documents: pb.Document, collection: str = "c") -> pb.SyncDocumentsRequest:
        return pb.SyncDocumentsRequest(collection=collection, documents=documents, prune=True)

    one = pb.Document(document_id="a", content=EMPTY)
    sync = documents.read_sync(request(one, pb.Document(collection="c", document_id="b", content=EMPTY)))
    assert [str(draft.key) for draft in sync.drafts] == ["c/a", "c/b"]
    assert sync.prune
    assert refused(documents.read_sync, request(one, one)) == "documents[1].document_id"
    other = pb.Document(collection="x", document_id="a", content=EMPTY)
    assert refused(documents.read_sync, request(other)) == "documents[0].collection"
    assert refused(documents.read_sync, request(pb.Document(content=EMPTY))) == "documents[0].document_id"
    assert refused(documents.read_sync, request(collection="")) == "collection"
    assert refused(documents.read_sync, request(*[one] * 1_001)) == "documents"
    large = payload_pb2.Payload(data=b"x" * (PAYLOAD_BYTES // 2 + 1))
    both = [pb.Document(document_id=name, content=large) for name in "ab"]
    assert refused(documents.read_sync, request(*both)) == "documents"


def test_collections_are_filtered() -> None:
    request = pb.ListCollectionsRequest(prefix="a/b", suffix="c", max_depth=3)
    assert documents.read_collection_filter(request) == CollectionFilter("a/b", "c", 3)
    bad = pb.ListCollectionsRequest(max_depth=-1)
    assert refused(documents.read_collection_filter, bad) == "max_depth"
    bad = pb.ListCollectionsRequest(suffix="/c")
    assert refused(documents.read_collection_filter, bad) == "suffix"


def test_a_document_is_written_whole() -> None:
    document = a_document(
        content=Payload(data=b"\0"),
        parent=DocumentKey("p", "q"),
        labels={"a": "b"},
        metadata={"n": 3},
        ttl=timedelta(seconds=90),
    )
    answer = documents.write_put_result(PutResult(document, is_created=True, is_parent_created=False))
    assert (answer.created, answer.parent_created) == (True, False)
    written = answer.document
    assert (written.collection, written.document_id, written.version) == ("c/d", "x", 3)
    assert (written.content.data, written.parent.document_id) == (b"\0", "q")
    assert (dict(written.labels), written.metadata["n"], written.ttl.seconds) == ({"a": "b"}, 3, 90)
    assert written.expire_time.ToDatetime(UTC) == NOON + timedelta(hours=1)
    bare = documents.write_documents([a_document(content=None)]).documents[0]
    assert not bare.HasField("content")
    assert not bare.HasField("parent")


def test_what_was_found_has_scores_and_a_sync_four_lists() -> None:
    found = documents.write_matches([Match(a_document(content=Payload(json="1")), 0.5)])
    assert (list(found.scores), found.documents[0].content.json) == ([0.5], "1")
    synced = documents.write_sync_result(SyncResult(["a"], ["b"], ["c"], ["d"]))
    assert [*synced.created_ids, *synced.updated_ids, *synced.unchanged_ids, *synced.deleted_ids] == [*"abcd"]
