"""Events: what is checked and normalized before it is appended, and when two are the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from holdfastdb_server.domain.events import (
    Event,
    EventFilter,
    EventKind,
    Replacement,
    check_events,
    server_event,
    status_event,
)
from holdfastdb_server.domain.messages import Message, Step
from holdfastdb_server.domain.sessions import (
    SessionStatus,
)
from holdfastdb_server.domain.values import Payload
from tests.support.refusals import refused

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
JSON = Payload(json="1")


def test_the_kind_of_an_event_is_stored_as_a_number() -> None:
    bodies = {0: None, 1: Message("user"), 2: Step(), 3: JSON}
    for number, body in bodies.items():
        assert Event("", "", body=body).kind == EventKind(number)
    types = [Event("", "", body=body).checked("e").type for body in bodies.values()]
    assert types == ["event", "message", "step", "event"]
    assert Event("", "mine").checked("e").type == "mine"
    assert Event("", "").sequence == 0


@pytest.mark.parametrize("name", ["event_id", "type", "actor", "run_id", "task_id", "trace_id"])
def test_each_id_of_an_event_has_a_length_of_its_own(name: str) -> None:
    event = Event("e", "t", "a", "r", "k", trace_id="x")
    longest = replace(event, **{name: "x" * 255})
    assert longest.checked("e") == longest
    assert replace(event, **{name: "a\u2028b"}).checked("e")
    for bad in ("x" * 256, "\x1f"):
        refused(f"e.{name}", replace(event, **{name: bad}).checked, "e")


def test_events_of_one_request_are_checked_by_their_places() -> None:
    event = Event("", "t")
    assert check_events([event] * 1_000) == [event] * 1_000
    refused("events", check_events, [])
    refused("events", check_events, [event] * 1_001)
    refused("events[1].event_id", check_events, [Event("a", "t"), Event("a", "u")])
    refused("events[1].type", check_events, [event, server_event("x")])
    refused("events[0].labels", check_events, [replace(event, labels={"": "v"})])
    refused("events[0].payload", check_events, [replace(event, body=Payload())])
    refused("events[0].message.role", check_events, [replace(event, body=Message(""))])
    refused("events[0].step.step_id", check_events, [replace(event, body=Step(step_id="\0"))])
    refused("filter.labels", EventFilter(labels={"": "v"}).checked)


def test_a_replacement_may_have_no_events_and_has_bounds() -> None:
    assert Replacement().checked() == Replacement(events=[])
    assert Replacement(0, 1, events=[Event("", "")]).checked().events == [Event("", "event")]
    refused("after_sequence", Replacement(-1).checked)
    refused("newest", Replacement(newest=0).checked)


def test_an_event_that_is_sent_again_says_the_same() -> None:
    sent = Event("e", "t", "a", body=JSON, labels={"k": "v"})
    stored = replace(sent, session_id="s", sequence=3, event_time=NOON, create_time=NOON + HOUR)
    assert stored.says_the_same(sent)
    assert stored.says_the_same(replace(sent, event_time=NOON))
    assert not stored.says_the_same(replace(sent, event_time=NOON + HOUR))
    others: list[dict[str, Any]] = [
        {"actor": "b"},
        {"body": None},
        {"labels": {}},
        {"type": "u"},
        {"trace_id": "x"},
    ]
    for other in others:
        assert not stored.says_the_same(replace(sent, **other))


def test_an_event_of_a_status_names_both() -> None:
    event = status_event("x", None, SessionStatus.PENDING, "me", more=1)
    assert event == Event("", "holdfast.x.pending", "me", body=Payload(json='{"to":"PENDING","more":1}'))
    moved = status_event("x", SessionStatus.PENDING, SessionStatus.ACTIVE, "")
    assert moved == Event("", "holdfast.x.active", body=Payload(json='{"from":"PENDING","to":"ACTIVE"}'))
