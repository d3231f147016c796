"""Events between protobuf and domain."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from msgspec.structs import replace

from holdfastdb.v1 import history_service_pb2 as pb
from holdfastdb.v1 import payload_pb2
from holdfastdb_server.domain.errors import InvalidField, SessionNotFound
from holdfastdb_server.domain.events import (
    AppendResult,
    CaughtUp,
    EventGrouping,
    EventKind,
    EventReceipt,
    EventSummary,
    ReplaceResult,
)
from holdfastdb_server.rpc.context import Call
from holdfastdb_server.rpc.convert import events

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
STAMP = Timestamp(seconds=int(NOON.timestamp()))

BODIES = {
    "nothing": pb.Event(type="event"),
    "json": pb.Event(type="event", payload=payload_pb2.Payload(json='{"b": 1,  "a": 2}', media_type="x/y")),
    "bytes": pb.Event(type="event", payload=payload_pb2.Payload(data=b"\0\xff")),
    "no bytes": pb.Event(type="event", payload=payload_pb2.Payload(data=b"")),
    "step": pb.Event(type="step", step=pb.Step(thought="hm\0", action="look", observation="😀", step_id="1")),
    "empty step": pb.Event(type="step", step=pb.Step()),
    "message": pb.Event(
        type="message",
        message=pb.Message(
            role="assistant",
            name="ann",
            finish_reason="stop",
            extra_json='{"x": 1}',
            parts=[
                pb.Part(text="hello\0"),
                pb.Part(text=""),
                pb.Part(tool_call=pb.ToolCall(id="1", name="look", arguments="{not json")),
                pb.Part(tool_call_response=pb.ToolCallResponse(id="1", name="look", response="\0")),
                pb.Part(tool_call_response=pb.ToolCallResponse()),
                pb.Part(blob=pb.Blob(media_type="image/png", modality="image", data=b"\0")),
                pb.Part(blob=pb.Blob()),
                pb.Part(other_json="[1]"),
            ],
        ),
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_an_event_comes_back_with_all_of_its_fields(name: str) -> None:
    sent = pb.Event(
        event_id="e-1",
        actor="ann",
        run_id="r",
        task_id="t",
        labels={"k": "v"},
        trace_id="tr",
        event_time=STAMP,
    )
    sent.MergeFrom(BODIES[name])
    parsed = pb.AppendEventsRequest.FromString(pb.AppendEventsRequest(events=[sent]).SerializeToString())
    [event] = events.read_events(parsed)
    stored = replace(event, session_id="s", sequence=3, create_time=NOON)
    [written] = events.write_events([stored]).events
    sent.MergeFrom(pb.Event(session_id="s", sequence=3, create_time=STAMP))
    assert written == sent


@pytest.mark.parametrize(
    ("event", "event_type"),
    [
        (pb.Event(message=pb.Message(role="user")), "message"),
        (pb.Event(step=pb.Step()), "step"),
        (pb.Event(payload=payload_pb2.Payload(json="1")), "event"),
        (pb.Event(), "event"),
    ],
)
def test_a_type_is_given_to_an_event_without_one(event: pb.Event, event_type: str) -> None:
    [read] = events.read_events(pb.AppendEventsRequest(events=[event]))
    assert read.type == event_type


def test_output_only_fields_of_an_event_are_ignored() -> None:
    sent = pb.Event(session_id="other", sequence=9, create_time=Timestamp(seconds=2**60))
    [read] = events.read_events(pb.AppendEventsRequest(events=[sent]))
    assert (read.session_id, read.sequence, read.create_time) == ("", 0, None)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (pb.Event(payload=payload_pb2.Payload()), "payload"),
        (pb.Event(payload=payload_pb2.Payload(json="{")), "payload.json"),
        (pb.Event(message=pb.Message()), "message.role"),
        (pb.Event(message=pb.Message(role="user", parts=[pb.Part(text="a"), pb.Part()])), "message.parts[1]"),
        (
            pb.Event(message=pb.Message(role="user", parts=[pb.Part(other_json="{")])),
            "message.parts[0].other_json",
        ),
        (pb.Event(message=pb.Message(role="user", extra_json="[]")), "message.extra_json"),
        (pb.Event(event_id="a\nb"), "event_id"),
        (pb.Event(type="holdfast.mine"), "type"),
        (pb.Event(actor="x" * 256), "actor"),
        (pb.Event(labels={"k": "x" * 1001}), "labels['k']"),
        (pb.Event(event_time=Timestamp(nanos=-1)), "event_time"),
        (pb.Event(event_id="first"), "event_id"),
    ],
)
def test_a_bad_event_is_refused_by_its_place(event: pb.Event, field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        events.read_events(pb.AppendEventsRequest(events=[pb.Event(event_id="first"), event]))
    assert refusal.value.field == f"events[1].{field}"


@pytest.mark.parametrize("count", [0, 1001])
def test_an_append_has_1_to_1000_events(count: int) -> None:
    with pytest.raises(InvalidField) as refusal:
        events.read_events(pb.AppendEventsRequest(events=[pb.Event()] * count))
    assert refusal.value.field == "events"


def test_a_replacement_names_its_range() -> None:
    everything = events.read_replacement(pb.ReplaceEventsRequest(all=True))
    assert (everything.after_sequence, everything.newest, everything.events) == (None, None, [])
    assert events.read_replacement(pb.ReplaceEventsRequest(after_sequence=0)).after_sequence == 0
    newest = events.read_replacement(pb.ReplaceEventsRequest(newest=2, kinds=[pb.EVENT_KIND_EMPTY]))
    assert (newest.newest, newest.kinds) == (2, frozenset({EventKind.EMPTY}))


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ReplaceEventsRequest(), "range"),
        (pb.ReplaceEventsRequest(all=False), "range"),
        (pb.ReplaceEventsRequest(after_sequence=-1), "after_sequence"),
        (pb.ReplaceEventsRequest(newest=0), "newest"),
        (pb.ReplaceEventsRequest(all=True, kinds=[pb.EVENT_KIND_UNSPECIFIED]), "kinds[0]"),
        (pb.ReplaceEventsRequest(all=True, events=[pb.Event(type="holdfast.x")]), "events[0].type"),
    ],
)
def test_a_bad_replacement_is_refused_by_its_field(request_: pb.ReplaceEventsRequest, field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        events.read_replacement(request_)
    assert refusal.value.field == field


def test_a_filter_has_all_of_its_conditions() -> None:
    where = events.read_filter(
        pb.EventFilter(
            types=["a.*", "b", "b"],
            kinds=[pb.EVENT_KIND_MESSAGE, pb.EVENT_KIND_STEP],
            actor="ann",
            run_id="r",
            task_id="t",
            trace_id="tr",
            labels={"k": "v"},
            event_time_from=STAMP,
            event_time_until=STAMP,
        )
    )
    assert (where.types, where.kinds) == (("a.*", "b"), frozenset({EventKind.MESSAGE, EventKind.STEP}))
    assert (where.actor, where.run_id, where.task_id, where.trace_id) == ("ann", "r", "t", "tr")
    assert (where.labels, where.happened_from, where.happened_until) == ({"k": "v"}, NOON, NOON)


@pytest.mark.parametrize(
    ("filter_", "field"),
    [
        (pb.EventFilter(kinds=[pb.EVENT_KIND_STEP, pb.EVENT_KIND_UNSPECIFIED]), "filter.kinds[1]"),
        (pb.EventFilter(types=[""]), "filter.types[0]"),
        (pb.EventFilter(types=[str(number) for number in range(101)]), "filter.types"),
        (pb.EventFilter(event_time_until=Timestamp(seconds=2**62)), "filter.event_time_until"),
        (pb.EventFilter(actor="x" * 256), "filter.actor"),
    ],
)
def test_a_bad_filter_is_refused_by_its_field(filter_: pb.EventFilter, field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        events.read_filter(filter_)
    assert refusal.value.field == field


def test_groups_need_a_bucket_for_time_only() -> None:
    by_actor = pb.SummarizeEventsRequest(group_by=[pb.EVENT_GROUPING_ACTOR, pb.EVENT_GROUPING_ACTOR])
    assert events.read_groups(by_actor) == ((EventGrouping.ACTOR,), 0)
    by_time = pb.SummarizeEventsRequest(group_by=[pb.EVENT_GROUPING_TIME], bucket=Duration(seconds=60))
    assert events.read_groups(by_time) == ((EventGrouping.TIME,), 60)


@pytest.mark.parametrize("bucket", [None, Duration(), Duration(seconds=-60), Duration(seconds=1, nanos=5000)])
def test_a_bucket_is_a_whole_number_of_seconds(bucket: Duration | None) -> None:
    with pytest.raises(InvalidField) as refusal:
        events.read_groups(pb.SummarizeEventsRequest(group_by=[pb.EVENT_GROUPING_TIME], bucket=bucket))
    assert refusal.value.field == "bucket"


def test_receipts_come_in_order() -> None:
    receipts = [EventReceipt("a", 1, NOON), EventReceipt("b", 2, NOON)]
    wanted = [
        pb.EventReceipt(event_id="a", sequence=1, create_time=STAMP),
        pb.EventReceipt(event_id="b", sequence=2, create_time=STAMP),
    ]
    appended = events.write_append_result(AppendResult(receipts, 2))
    assert appended == pb.AppendEventsResponse(receipts=wanted, last_sequence=2)
    replaced = events.write_replace_result(ReplaceResult(4, receipts, 2))
    assert replaced == pb.ReplaceEventsResponse(removed_count=4, receipts=wanted, last_sequence=2)


def test_a_batch_answers_each_request_with_its_receipts_or_its_error() -> None:
    appended = AppendResult([EventReceipt("a", 1, NOON)], 1)
    bug = ValueError("a secret")
    response = events.write_batch([appended, SessionNotFound("gone"), bug], Call(known_request_id="r-1"))
    found, gone, broken = response.results
    assert found.response == events.write_append_result(appended)
    assert (gone.error.code, gone.error.message) == (5, "no session 'gone'")
    # Wire for wire what a failed call carries in its trailer.
    status = Status.FromString(gone.error.SerializeToString())
    info = ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain) == ("SESSION_NOT_FOUND", "holdfastdb")
    assert broken.error.code == 13
    assert "r-1" in broken.error.message
    assert "secret" not in str(broken)


def test_a_batch_that_is_cancelled_is_not_answered() -> None:
    with pytest.raises(asyncio.CancelledError):
        events.write_batch([asyncio.CancelledError()], Call())


def test_a_tail_of_an_empty_history_is_caught_up_at_zero() -> None:
    assert events.write_tail(CaughtUp(0)).WhichOneof("content") == "caught_up"


def test_a_summary_has_what_it_was_grouped_by() -> None:
    later = NOON + timedelta(hours=1)
    [written] = events.write_summaries(
        [EventSummary(2, NOON, later, actor="ann", bucket_time=NOON)]
    ).summaries
    assert (written.type, written.actor, written.count) == ("", "ann", 2)
    assert written.bucket_time == STAMP
    assert written.last_event_time.ToDatetime(UTC) == later
