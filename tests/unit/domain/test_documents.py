"""Documents to put, and conditions on them: how they are normalized, and what they may not be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from holdfastdb_server.domain.documents.document import (
    ContentIndex,
    DocumentDraft,
    DocumentFields,
    DocumentKey,
    DocumentPut,
    Sync,
    check_collection,
    index_content,
)
from holdfastdb_server.domain.documents.filters import (
    CollectionFilter,
    ContentFilter,
    ContentOperator,
    DocumentFilter,
    content_filter,
)
from holdfastdb_server.domain.values import Payload
from tests.support.refusals import refused
from tests.support.sameness import same

LARGEST = 3 * 1024 * 1024
JSON = Payload(json="1")
HALF, MORE = Payload(data=b"x" * (LARGEST // 2)), Payload(data=b"x" * (LARGEST // 2 + 1))
PARENT = DocumentKey("parents", "p")


def draft(
    document_id: str = "d", collection: str = "c", content: Payload | None = JSON, **fields: Any
) -> DocumentDraft:
    return DocumentDraft(DocumentKey(collection, document_id), DocumentFields(content, **fields))


@pytest.mark.parametrize(
    "path", ["a", "a/b", "a b/*x/ü", "/".join(["x"] * 64), "é" * 255 + "/" + "é" * 255 + "/xx", "**"]
)
def test_a_collection_s_path_is_of_segments(path: str) -> None:
    assert check_collection("f", path) == path


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "a/", "/a", "a//b", "*", "a/*", "*/a", "a/\0", "\x1f", "x" * 256),
        "/".join(["x"] * 65),
        "é" * 255 + "/" + "é" * 255 + "/" + "x" * 4,
    ],
)
def test_what_is_no_path_of_a_collection_is_refused(path: str) -> None:
    refused("f", check_collection, "f", path)


def test_a_required_text_is_said_to_be_required() -> None:
    assert refused("f", check_collection, "f", "") == "is required"
    assert refused("f.value_json", content_filter, "f.", "/a", ContentOperator.EQUAL, "") == "is required"


def test_a_put_without_an_id_gets_a_new_one() -> None:
    assert draft().identified() == draft()
    new = draft("").identified()
    assert new == draft(new.key.document_id)
    assert new.key.document_id not in ("", draft("").identified().key.document_id)


def test_a_put_is_checked_and_normalized() -> None:
    put = DocumentPut(draft(metadata={"n": 1.0}, parent=PARENT), 0).checked()
    assert same(put, DocumentPut(draft(metadata={"n": 1}, parent=PARENT), 0, keep_existing=False))
    parent = draft("", "", metadata={"n": 2.0})
    both = DocumentPut(draft(metadata={"n": 1.0}, parent=PARENT), missing_parent=parent).checked()
    assert same(both.draft, put.draft)
    assert same(both.missing_parent, draft("p", "parents", metadata={"n": 2}))
    assert DocumentPut(draft(parent=PARENT), missing_parent=draft("p", "parents")).checked()
    assert DocumentPut(draft(), keep_existing=True).checked().keep_existing


@pytest.mark.parametrize(
    ("field", "put"),
    [
        ("document.collection", DocumentPut(draft(collection=""))),
        ("document.document_id", DocumentPut(draft("\0"))),
        ("document.content", DocumentPut(draft(content=None))),
        ("document.content", DocumentPut(draft(content=Payload()))),
        ("document.content.json", DocumentPut(draft(content=Payload(json="")))),
        ("document.parent.collection", DocumentPut(draft(parent=DocumentKey("", "p")))),
        ("document.parent.document_id", DocumentPut(draft(parent=DocumentKey("c", "")))),
        ("document.ttl", DocumentPut(draft(ttl=timedelta()))),
        ("document.labels", DocumentPut(draft(labels={"": "v"}))),
        ("expected_version", DocumentPut(draft(), 0, keep_existing=True)),
        ("expected_version", DocumentPut(draft(), 1, keep_existing=True)),
        ("missing_parent", DocumentPut(draft(), missing_parent=draft())),
        ("missing_parent.collection", DocumentPut(draft(parent=PARENT), missing_parent=draft("p", "c"))),
        (
            "missing_parent.document_id",
            DocumentPut(draft(parent=PARENT), missing_parent=draft("d", "parents")),
        ),
        (
            "missing_parent.content",
            DocumentPut(draft(parent=PARENT), missing_parent=draft("", "", Payload())),
        ),
    ],
)
def test_a_put_that_may_not_be_is_refused(field: str, put: DocumentPut) -> None:
    refused(field, put.checked)


def test_the_contents_of_one_request_fit_together() -> None:
    parent = draft("", "", HALF)
    put = DocumentPut(draft(content=HALF, parent=PARENT), missing_parent=parent)
    assert put.checked().draft == put.draft
    refused("missing_parent.content", replace(put, draft=draft(content=MORE, parent=PARENT)).checked)
    assert Sync("c", [draft("a", content=HALF), draft("b", content=HALF)]).checked()
    refused("documents", Sync("c", [draft("a", content=HALF), draft("b", content=MORE)]).checked)


def test_the_documents_of_a_sync_are_of_its_collection() -> None:
    sync = Sync("c", [draft("a", "", metadata={"n": 1.0}), draft("b")]).checked()
    assert same(sync, Sync("c", [draft("a", metadata={"n": 1}), draft("b")], prune=False))
    assert Sync("c", [draft(str(number)) for number in range(1_000)]).checked()
    refused("documents", Sync("c", [draft(str(number)) for number in range(1_001)]).checked)
    refused("collection", Sync("", [draft("a", "")]).checked)
    refused("documents[1].collection", Sync("c", [draft("a"), draft("b", "other")]).checked)
    refused("documents[0].document_id", Sync("c", [draft("")]).checked)
    refused("documents[1].document_id", Sync("c", [draft("a"), draft("a", "")]).checked)
    refused("documents[0].ttl", Sync("c", [draft(ttl=timedelta())]).checked)


def test_only_json_is_indexed() -> None:
    nothing = ContentIndex(None, ())
    assert index_content(None) == index_content(Payload(data=b"1")) == nothing
    index = index_content(Payload(json='{"name": ["Two words", "two"]}'))
    assert index == ContentIndex('{"name":{"%":"","0":"sTwo words","1":"stwo"}}', ("two", "words"))
    many = " ".join(f"w{number}" for number in range(10_001))
    assert index_content(Payload(json=f'"{many}"')).words == tuple(many.split()[:10_000])


@pytest.mark.parametrize("operator", ContentOperator)
def test_only_what_has_an_order_is_compared_by_it(operator: ContentOperator) -> None:
    equality = operator in (ContentOperator.EQUAL, ContentOperator.NOT_EQUAL)
    assert operator.is_of_size is not equality
    for value in ("1", '"x"'):
        assert content_filter("f.", "/a", operator, value).operator is operator
    for value in ("null", "true", "[]", "{}"):
        if equality:
            assert content_filter("f.", "/a", operator, value).operator is operator
        else:
            refused("f.value_json", content_filter, "f.", "/a", operator, value)


def test_a_filter_by_content_has_bounds() -> None:
    equal = ContentOperator.EQUAL
    longest, largest = "/" + "x" * 1_023, '"' + "x" * (65_536 - 2) + '"'
    assert content_filter("f.", longest, equal, largest) == ContentFilter(
        (longest[1:],), equal, "s" + largest[1:-1]
    )
    assert content_filter("f.", "", equal, "1").path == ()
    refused("f.pointer", content_filter, "f.", longest + "x", equal, "1")
    refused("f.pointer", content_filter, "f.", "a", equal, "1")
    refused("f.value_json", content_filter, "f.", "/a", equal, largest + " ")
    refused("f.value_json", content_filter, "f.", "/a", equal, "")
    refused("f.value_json", content_filter, "f.", "/a", equal, "x")


def test_filters_are_checked_and_normalized() -> None:
    content = [content_filter("f.", "/a", ContentOperator.EQUAL, "1")]
    where = DocumentFilter("c", "c/d", content=content * 64, parent=PARENT, metadata={"n": 1.0})
    assert same(where.checked(), replace(where, metadata={"n": 1}))
    assert DocumentFilter().checked() == DocumentFilter(omit_payload=False)
    refused("collection", DocumentFilter("a//b").checked)
    refused("collection_prefix", DocumentFilter(collection_prefix="*").checked)
    refused("content_filters", DocumentFilter(content=content * 65).checked)
    refused("parent.document_id", DocumentFilter(parent=DocumentKey("c", "")).checked)
    assert CollectionFilter("a", "b").checked() == CollectionFilter("a", "b", max_depth=0)
    refused("prefix", CollectionFilter("/").checked)
    refused("suffix", CollectionFilter(suffix="/").checked)
    refused("max_depth", CollectionFilter(max_depth=-1).checked)
