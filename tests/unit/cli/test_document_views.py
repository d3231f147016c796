"""How documents and collections are shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfastdb import Data, Document, DocumentKey, Json
from holdfastdb_server.cli.views.documents import print_collections, print_document, print_documents

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def document(document_id: str = "d", **fields: Any) -> Document:
    plain: dict[str, Any] = {
        "collection": "c",
        "payload": Json("{}"),
        "parent": None,
        "labels": {},
        "metadata": {},
        "ttl": None,
        "version": 1,
        "create_time": NOW,
        "update_time": NOW,
        "expire_time": None,
    }
    return Document(**{"document_id": document_id, **plain, **fields})


@pytest.mark.parametrize(
    ("show", "is_filtered", "text"),
    [
        (print_collections, True, "No collection is like that."),
        (print_collections, False, "no documents here yet"),
        (print_documents, True, "No document is like that."),
        (print_documents, False, "no document in this collection"),
    ],
)
def test_that_there_is_none_is_said(
    show: Callable[[list[Any], int, bool], None],
    is_filtered: bool,
    text: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    show([], 0, is_filtered)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert text in printed.err


def test_how_many_more_there_are_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    print_collections(["a", "b\x1b"], 1_200, False)
    printed = capsys.readouterr()
    assert printed.out.splitlines() == ["a", "b␛"]
    assert printed.err == "2 of 1,200 collections; --limit or --all shows more.\n"
    print_documents([(document(), 0.5)], 1, True)
    assert capsys.readouterr().err == "1 document.\n"


def test_a_document_is_shown_with_all_that_it_has(capsys: pytest.CaptureFixture[str]) -> None:
    print_document(
        document(
            payload=Data(b"\0" * 2_000, "image/png"),
            parent=DocumentKey("github/installations", "7"),
            labels={"b": "2", "a": "1"},
            metadata={"n": 1.0},
            ttl=timedelta(hours=1),
            expire_time=NOW + timedelta(hours=1),
        )
    )
    out = capsys.readouterr().out
    for text in ("github/installations/7", '{"n": 1}', "image/png", "3600 s", "expires"):
        assert text in out, text
    assert out.index("a=1") < out.index("b=2")
    assert "2,000 bytes; --json has them." in out
