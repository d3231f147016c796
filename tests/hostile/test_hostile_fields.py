"""Guarantees 2 and 8: a bad field is refused by its name, and nothing of its request is carried out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf import duration_pb2, field_mask_pb2, struct_pb2, timestamp_pb2
from google.protobuf.message import Message

from holdfastdb.v1 import history_service_pb2 as history_pb
from holdfastdb.v1 import payload_pb2
from holdfastdb.v1 import session_service_pb2 as session_pb
from tests.support.raw import Raw, check_refused, event, message, payload, struct

# They are refused before any storage sees them.
pytestmark = pytest.mark.parametrize("engine", ["sqlite"])

NUL, CONTROL, LONG = "a\0b", "a\x1bb", "x" * 300


def unknown(number: int) -> Any:
    """Return a number in place of an enum's value, past the type checker."""
    return number


def _appended(**fields: Any) -> Callable[[Raw], Message]:
    return lambda raw: raw.append(event(event_id="good"), event(**fields))


def _listed(**fields: Any) -> Callable[[Raw], Message]:
    return lambda raw: history_pb.ListEventsRequest(**{"session_id": raw.session_id, **fields})


def _filtered(**fields: Any) -> Callable[[Raw], Message]:
    return _listed(filter=history_pb.EventFilter(**fields))


def _replaced(**fields: Any) -> Callable[[Raw], Message]:
    return lambda raw: history_pb.ReplaceEventsRequest(session_id=raw.session_id, **fields)


def _saved(**fields: Any) -> Callable[[Raw], Message]:
    good = session_pb.StateWrite(key="good", payload=payload("1"))
    bad = session_pb.StateWrite(**{"payload": payload("1"), **fields})
    return lambda raw: session_pb.SaveStateRequest(session_id=raw.session_id, writes=[good, bad])


def _created(**fields: Any) -> Callable[[Raw], Message]:
    return lambda raw: session_pb.CreateSessionRequest(session=session_pb.Session(**fields))


def _updated(**fields: Any) -> Callable[[Raw], Message]:
    return lambda raw: session_pb.UpdateSessionRequest(
        session=session_pb.Session(session_id=raw.session_id, **fields)
    )


def _deleted(**fields: Any) -> Callable[[Raw], Message]:
    return lambda raw: session_pb.DeleteStatesRequest(session_id=raw.session_id, **fields)


LABELS_101 = {f"k{number}": "v" for number in range(101)}
MANY_EVENTS = [history_pb.Event() for _ in range(1_001)]


def _batch(*counts: int) -> Callable[[Raw], Message]:
    """Return a batch of appends of so many events each."""
    return lambda raw: history_pb.BatchAppendEventsRequest(
        requests=[raw.append(*MANY_EVENTS[:count]) for count in counts]
    )


REFUSED: dict[str, tuple[Callable[[Raw], Message], str]] = {
    # Ids and names
    "session id empty": (lambda raw: history_pb.AppendEventsRequest(events=[event()]), "session_id"),
    "session id too long": (lambda raw: session_pb.GetSessionRequest(session_id=LONG), "session_id"),
    "session id of NUL": (lambda raw: session_pb.GetSessionRequest(session_id="\0"), "session_id"),
    "session id with a control": (
        lambda raw: session_pb.DeleteSessionRequest(session_id=CONTROL),
        "session_id",
    ),
    "new session id too long": (_created(session_id=LONG), "session.session_id"),
    "new session id with a control": (_created(session_id="a\x9fb"), "session.session_id"),
    "parent with a control": (_created(parent_session_id=CONTROL), "session.parent_session_id"),
    "user too long": (_created(user_id=LONG), "session.user_id"),
    "agent with a control": (_created(agent_id="\n"), "session.agent_id"),
    "task with a control": (_updated(task_id="\x7f"), "session.task_id"),
    "title too long": (_updated(title="x" * 1_001), "session.title"),
    "title with NUL": (_updated(title=NUL), "session.title"),
    "event id too long": (_appended(event_id=LONG), "events[1].event_id"),
    "event id with NUL": (_appended(event_id=NUL), "events[1].event_id"),
    "event id with a line": (_appended(event_id="a\nb"), "events[1].event_id"),
    "actor with NUL": (_appended(actor=NUL), "events[1].actor"),
    "run too long": (_appended(run_id=LONG), "events[1].run_id"),
    "task too long": (_appended(task_id=LONG), "events[1].task_id"),
    "trace too long": (_appended(trace_id=LONG), "events[1].trace_id"),
    "type too long": (lambda raw: raw.append(history_pb.Event(type=LONG)), "events[0].type"),
    "type of the server's": (
        lambda raw: raw.append(history_pb.Event(type="holdfast.session.active")),
        "events[0].type",
    ),
    "request id with a control": (_replaced(all=True, request_id=CONTROL), "request_id"),
    "request id too long": (_replaced(all=True, request_id=LONG), "request_id"),
    "key with NUL": (_saved(key=NUL), "writes[1].key"),
    "key too long": (_saved(key="é" * 513), "writes[1].key"),
    "run of a state too long": (_saved(run_id=LONG), "writes[1].run_id"),
    "media type too long": (_saved(payload=payload("1", media_type=LONG)), "writes[1].payload.media_type"),
    "media type with NUL": (
        _appended(payload=payload("1", media_type=NUL)),
        "events[1].payload.media_type",
    ),
    # Bodies
    "payload of nothing": (_appended(payload=payload_pb2.Payload()), "events[1].payload"),
    "state of nothing": (_saved(payload=payload_pb2.Payload()), "writes[1].payload"),
    "no role": (lambda raw: raw.append(message(role="")), "events[0].message.role"),
    "part of nothing": (lambda raw: raw.append(message(history_pb.Part())), "events[0].message.parts[0]"),
    "tool without a name": (
        lambda raw: raw.append(message(history_pb.Part(tool_call=history_pb.ToolCall()))),
        "events[0].message.parts[0].tool_call.name",
    ),
    "1,001 parts": (
        lambda raw: raw.append(message(*(history_pb.Part(text="x") for _ in range(1_001)))),
        "events[0].message.parts",
    ),
    "extra that is no object": (
        lambda raw: raw.append(message(extra_json="[1]")),
        "events[0].message.extra_json",
    ),
    "extra that is no JSON": (
        lambda raw: raw.append(message(extra_json="{")),
        "events[0].message.extra_json",
    ),
    "step id too long": (
        lambda raw: raw.append(history_pb.Event(step=history_pb.Step(step_id=LONG))),
        "events[0].step.step_id",
    ),
    # Counts
    "no events": (lambda raw: raw.append(), "events"),
    "1,001 events": (lambda raw: raw.append(*MANY_EVENTS), "events"),
    "1,001 events in place of others": (_replaced(all=True, events=MANY_EVENTS), "events"),
    "no appends": (_batch(), "requests"),
    "101 appends": (_batch(*[1] * 101), "requests"),
    "1,001 events in all": (_batch(1_000, 1), "requests"),
    "one event twice": (lambda raw: raw.append(*[event(event_id="e")] * 2), "events[1].event_id"),
    "no states": (lambda raw: session_pb.SaveStateRequest(session_id=raw.session_id), "writes"),
    "101 states": (
        lambda raw: session_pb.SaveStateRequest(
            session_id=raw.session_id,
            writes=[session_pb.StateWrite(key=str(n), payload=payload("1")) for n in range(101)],
        ),
        "writes",
    ),
    "one key twice": (_saved(key="good"), "writes[1].key"),
    "101 labels": (_appended(labels=LABELS_101), "events[1].labels"),
    "101 labels of a session": (_updated(labels=LABELS_101), "session.labels"),
    "label without a key": (_appended(labels={"": "v"}), "events[1].labels"),
    "label key with NUL": (_appended(labels={NUL: "v"}), "events[1].labels key"),
    "label with NUL": (_appended(labels={"k": NUL}), "events[1].labels['k']"),
    "label too long": (_updated(labels={"k": "x" * 1_001}), "session.labels['k']"),
    # Metadata
    "NaN": (_updated(metadata=struct(a=float("nan"))), "session.metadata.a"),
    "Infinity": (_updated(metadata=struct(a=float("inf"))), "session.metadata.a"),
    "-Infinity in a state": (_saved(metadata=struct(a=[float("-inf")])), "writes[1].metadata.a[0]"),
    "metadata with NUL": (_updated(metadata=struct(a=NUL)), "session.metadata"),
    "metadata key with NUL": (_saved(metadata=struct(**{NUL: 1})), "writes[1].metadata"),
    "nested metadata with NUL": (_updated(metadata=struct(a=[{"b": NUL}])), "session.metadata"),
    "metadata too large": (_updated(metadata=struct(a="x" * 65_536)), "session.metadata"),
    "metadata without a kind": (
        _updated(metadata=struct_pb2.Struct(fields={"a": struct_pb2.Value()})),
        "session.metadata.a",
    ),
    "search by an object": (
        lambda raw: session_pb.ListSessionsRequest(metadata=struct(a={"b": 1})),
        "metadata.a",
    ),
    "search by NaN": (
        lambda raw: session_pb.ListSessionsRequest(metadata=struct(a=float("nan"))),
        "metadata.a",
    ),
    "search by NUL": (lambda raw: session_pb.ListSessionsRequest(metadata=struct(a=NUL)), "metadata"),
    # Numbers
    "negative page size": (_listed(page_size=-1), "page_size"),
    "negative sequence": (_listed(after_sequence=-1), "after_sequence"),
    "negative bound": (_listed(before_sequence=-(2**63)), "before_sequence"),
    "negative expectation": (
        lambda raw: raw.append(event(), expected_last_sequence=-1),
        "expected_last_sequence",
    ),
    "negative version": (_saved(expected_version=-1), "writes[1].expected_version"),
    "negative version to load": (
        lambda raw: session_pb.LoadStateRequest(session_id=raw.session_id, version=-1),
        "version",
    ),
    "negative tail": (
        lambda raw: history_pb.TailEventsRequest(session_id=raw.session_id, after_sequence=-1),
        "after_sequence",
    ),
    "negative count": (_replaced(newest=-1), "newest"),
    "count of none": (_replaced(newest=0), "newest"),
    "negative rewind": (_replaced(after_sequence=-1), "after_sequence"),
    "negative fork": (
        lambda raw: session_pb.ForkSessionRequest(session_id=raw.session_id, sequence=-1),
        "sequence",
    ),
    # Choices
    "unknown status": (
        lambda raw: session_pb.TransitionSessionRequest(session_id=raw.session_id, status=unknown(99)),
        "status",
    ),
    "no status": (lambda raw: session_pb.TransitionSessionRequest(session_id=raw.session_id), "status"),
    "unknown status to list": (
        lambda raw: session_pb.ListSessionsRequest(statuses=[unknown(77)]),
        "statuses[0]",
    ),
    "unknown order": (_listed(order=unknown(9)), "order"),
    "unknown kind": (_filtered(kinds=[history_pb.EVENT_KIND_STEP, unknown(12)]), "filter.kinds[1]"),
    "unspecified kind": (_filtered(kinds=[unknown(0)]), "filter.kinds[0]"),
    "unknown grouping": (
        lambda raw: history_pb.SummarizeEventsRequest(session_id=raw.session_id, group_by=[unknown(8)]),
        "group_by[0]",
    ),
    "nothing to replace": (_replaced(), "range"),
    "all that is false": (_replaced(all=False), "range"),
    "nothing to delete": (_deleted(), "selection"),
    "no key to delete": (_deleted(keys=session_pb.StateKeys()), "keys.keys"),
    "empty key to delete": (_deleted(keys=session_pb.StateKeys(keys=["kept", ""])), "keys.keys[1]"),
    "empty prefix to delete": (_deleted(key_prefix=""), "key_prefix"),
    "unknown field to update": (
        lambda raw: session_pb.UpdateSessionRequest(
            session=session_pb.Session(session_id=raw.session_id),
            update_mask=field_mask_pb2.FieldMask(paths=["title", "status"]),
        ),
        "update_mask",
    ),
    # Filters
    "filter by NUL": (_filtered(actor="\0"), "filter.actor"),
    "filter by a long type": (_filtered(types=[LONG]), "filter.types[0]"),
    "filter by an empty type": (_filtered(types=[""]), "filter.types[0]"),
    "filter by 101 types": (_filtered(types=[f"t{n}" for n in range(101)]), "filter.types"),
    "filter by a label with NUL": (_filtered(labels={"k": "\0"}), "filter.labels['k']"),
    "no session and no trace": (_listed(session_id=""), "session_id"),
    "no session and a sequence": (
        _listed(session_id="", after_sequence=1, filter=history_pb.EventFilter(trace_id="t")),
        "after_sequence",
    ),
    # Times
    "time after the year 9999": (_appended(event_time={"seconds": 253_402_300_800}), "events[1].event_time"),
    "time before the year 1": (_appended(event_time={"seconds": -62_135_596_801}), "events[1].event_time"),
    "time beyond all": (_appended(event_time={"seconds": 2**63 - 1}), "events[1].event_time"),
    "negative nanos": (_appended(event_time={"nanos": -1}), "events[1].event_time"),
    "too many nanos": (_filtered(event_time_from={"nanos": 10**9}), "filter.event_time_from"),
    "list until beyond": (
        lambda raw: session_pb.ListSessionsRequest(
            create_time_until=timestamp_pb2.Timestamp(seconds=-(2**63))
        ),
        "create_time_until",
    ),
    "duration beyond all": (_created(retention={"seconds": 2**63 - 1}), "session.retention"),
    "duration of two signs": (_updated(retention={"seconds": 1, "nanos": -1}), "session.retention"),
    "negative retention": (_updated(retention={"seconds": -5}), "session.retention"),
    "no retention": (_created(retention={}), "session.retention"),
    "retention of ages": (_updated(retention={"seconds": 315_576_000_000}), "session.retention"),
    "no bucket": (
        lambda raw: history_pb.SummarizeEventsRequest(
            session_id=raw.session_id, group_by=[history_pb.EVENT_GROUPING_TIME]
        ),
        "bucket",
    ),
    "bucket of a nanosecond": (
        lambda raw: history_pb.SummarizeEventsRequest(
            session_id=raw.session_id,
            group_by=[history_pb.EVENT_GROUPING_TIME],
            bucket=duration_pb2.Duration(nanos=1),
        ),
        "bucket",
    ),
    # Patches
    "no patch": (
        lambda raw: session_pb.PatchStateRequest(session_id=raw.session_id, key="kept"),
        "merge_patch",
    ),
    "patch that is no JSON": (
        lambda raw: session_pb.PatchStateRequest(session_id=raw.session_id, key="kept", merge_patch="{a:1}"),
        "merge_patch",
    ),
}


@pytest.mark.parametrize(("make", "field"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_may_not_be_is_refused_by_the_name_of_its_field(
    raw: Raw, make: Callable[[Raw], Message], field: str
) -> None:
    await check_refused(raw, make(raw), field)
