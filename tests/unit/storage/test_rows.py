"""Rows of sessions, events and states: how large they are said to be, and what one column keeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from holdfastdb_server.domain.events import Body, Event
from holdfastdb_server.domain.messages import (
    Blob,
    Message,
    OtherPart,
    Step,
    Text,
    ToolCall,
    ToolCallResponse,
)
from holdfastdb_server.domain.sessions import Retention
from holdfastdb_server.domain.states import StateWrite
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.storage.query.sizes import OVERHEAD, searchable_size
from holdfastdb_server.storage.schema import events, state_versions
from holdfastdb_server.storage.write_path import rows

TEXT = "🦑" * 25
"""25 characters of 100 bytes."""
LABELS: dict[str, Any] = {"label": "x" * 100}
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "size"),
    [
        (None, 0),
        (Payload(json="x" * 100), 100),
        (Payload(data=b"x" * 100), 100),
        (Message("user"), 0),
        (Message("user", (Text("x" * 100), Text("x" * 10))), 110),
        (Message("user", (ToolCall("c", "tool", "x" * 100),)), 100),
        (Message("user", (ToolCallResponse("c", "tool", "x" * 100),)), 100),
        (Message("user", (Blob("image/png", "image", b"x" * 100),)), 100),
        (Message("user", (OtherPart("x" * 100),), extra_json="x" * 10), 110),
        (Step("x" * 100, "x" * 10, "x"), 111),
    ],
)
def test_a_body_counts_with_all_that_may_be_large_in_it(body: Body, size: int) -> None:
    assert rows.body_size(body) == size


def _event_size(event: Event) -> int:
    row = rows.event_row(1, 1, "tenant", event.event_id, event, NOW)
    size: int = dict(zip(events.c.keys(), row, strict=True))["size"]
    return size


@pytest.mark.parametrize("field", ["event_id", "type", "actor", "run_id", "task_id", "trace_id"])
def test_an_event_is_as_much_larger_as_each_of_its_ids(field: str) -> None:
    empty: dict[str, Any] = {"event_id": "", "type": ""}
    assert _event_size(Event(**empty)) == OVERHEAD
    assert _event_size(Event(**(empty | {field: TEXT}))) == OVERHEAD + 100


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"body": Payload(json=TEXT)}, 100),
        ({"body": Payload(data=b"x" * 100)}, 100),
        ({"body": Payload(data=b"")}, 0),
        ({"labels": LABELS}, searchable_size(LABELS)),
    ],
)
def test_an_event_is_as_much_larger_as_its_body_and_labels(fields: dict[str, Any], size: int) -> None:
    assert _event_size(Event("", "", **fields)) == OVERHEAD + size


@pytest.mark.parametrize(
    ("write", "size"),
    [
        (StateWrite("", Payload(json="")), 0),
        (StateWrite("", Payload(data=b"")), 0),
        (StateWrite(TEXT, Payload(json=TEXT)), 200),
        (StateWrite("", Payload(data=b"x" * 100)), 100),
        (StateWrite("", Payload(json=""), metadata=LABELS), searchable_size(LABELS)),
    ],
)
def test_a_state_is_as_large_as_its_key_its_payload_and_its_metadata(write: StateWrite, size: int) -> None:
    row = dict(zip(state_versions.c.keys(), rows.version_row(1, "tenant", write, 1, 1, NOW), strict=True))
    assert row["size"] == OVERHEAD + size


@pytest.mark.parametrize(
    ("key", "metadata", "size"), [("", {}, 0), (TEXT, {}, 100), ("", LABELS, searchable_size(LABELS))]
)
def test_a_state_without_its_payload_is_as_large_as_its_key_and_its_metadata(
    key: str, metadata: dict[str, Any], size: int
) -> None:
    assert rows.state_head_size(SimpleNamespace(key=key, metadata=metadata)) == OVERHEAD + size


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({}, 0),
        ({"title": TEXT}, 100),
        ({"status_reason": TEXT}, 100),
        ({"title": TEXT, "status_reason": TEXT}, 200),
        ({"labels": LABELS}, searchable_size(LABELS)),
        ({"metadata": LABELS}, searchable_size(LABELS)),
    ],
)
def test_a_session_is_as_large_as_its_texts_its_labels_and_its_metadata(
    fields: dict[str, Any], size: int
) -> None:
    empty: dict[str, Any] = {"title": "", "status_reason": "", "labels": {}, "metadata": {}}
    assert rows.session_size(SimpleNamespace(**(empty | fields))) == OVERHEAD + size


@pytest.mark.parametrize(
    ("retention", "column"),
    [
        (None, None),
        ("never", -1),
        (timedelta(), 0),
        (timedelta(microseconds=1), 1),
        (timedelta(1), 86400 * 10**6),
    ],
)
def test_a_retention_is_stored_in_microseconds(retention: Retention, column: int | None) -> None:
    """As in every database that a released version has written."""
    assert rows.retention_column(retention) == column
    assert rows.retention_of(column) == retention
