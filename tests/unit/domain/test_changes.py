"""Changes of fields, and fingerprints of content."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from holdfastdb_server.domain.changes import changed_fields
from holdfastdb_server.domain.fingerprint import fingerprint_of
from holdfastdb_server.domain.messages import OtherPart, Text
from holdfastdb_server.domain.plans.changes import MoveItem, RemoveItem
from holdfastdb_server.domain.plans.items import ItemFields
from holdfastdb_server.domain.sessions import SessionFields
from holdfastdb_server.domain.values import Payload

OLD = SessionFields(
    user_id="u", title="old", labels={"a": "1", "b": "2"}, metadata={"x": {"p": 1, "q": 2}, "y": 1}
)
NEW = SessionFields(title="new", labels={"b": "3"}, metadata={"x": {"q": None}, "z": 2})


def test_replaced_fields_are_taken_whole_and_no_others() -> None:
    changed = changed_fields(OLD, NEW, {"title", "labels"}, merges=False)
    assert changed == SessionFields(user_id="u", title="new", labels={"b": "3"}, metadata=OLD.metadata)


def test_labels_and_metadata_are_merged() -> None:
    changed = changed_fields(OLD, NEW, {"title"}, merges=True)
    assert (changed.user_id, changed.title) == ("u", "new")
    assert changed.labels == {"a": "1", "b": "3"}
    assert changed.metadata == {"x": {"p": 1}, "y": 1, "z": 2}


def test_fields_without_labels_merge_their_metadata() -> None:
    old, new = ItemFields("a", metadata={"x": 1}), ItemFields(metadata={"y": 2})
    assert changed_fields(old, new, (), merges=True) == ItemFields("a", metadata={"x": 1, "y": 2})


def test_the_order_of_members_and_of_a_set_does_not_count() -> None:
    one = SessionFields(labels={"a": "1", "b": "2"}, metadata={"x": 1, "y": {"p": 1, "q": 2}})
    other = SessionFields(labels={"b": "2", "a": "1"}, metadata={"y": {"q": 2, "p": 1}, "x": 1})
    assert fingerprint_of("update", one) == fingerprint_of("update", other)
    assert fingerprint_of(frozenset("abc")) == fingerprint_of(frozenset("cba"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Payload(json="1"), Payload(json="1.0")),
        (Payload(json="YQ=="), Payload(data=b"a")),
        (Payload(data=b"a"), Payload(data=b"a", media_type="x/y")),
        (Text("x"), OtherPart("x")),
        (RemoveItem("a"), MoveItem("a", 1)),
        (SessionFields(), SessionFields(retention="never")),
        (SessionFields(retention=timedelta(1)), SessionFields(retention=timedelta(1, microseconds=1))),
        (SessionFields(metadata={"n": 2**53}), SessionFields(metadata={"n": 2**53 - 1})),
        (SessionFields(metadata={"n": 1}), SessionFields(metadata={"n": True})),
        (["a", "b"], ["b", "a"]),
    ],
)
def test_different_content_has_different_fingerprints(one: Any, other: Any) -> None:
    assert fingerprint_of(one) != fingerprint_of(other)
    assert len(fingerprint_of(one)) == 16
