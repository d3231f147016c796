"""Events, and requests about them, between protobuf and domain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from holdfastdb.v1 import history_service_pb2 as pb
from holdfastdb_server.domain import limits
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.events import (
    AppendResult,
    CaughtUp,
    Event,
    EventFilter,
    EventGrouping,
    EventKind,
    EventReceipt,
    EventSummary,
    Replacement,
    ReplaceResult,
    check_events,
)
from holdfastdb_server.domain.values import check_bucket, check_count_between
from holdfastdb_server.rpc.context import Call
from holdfastdb_server.rpc.convert.enums import read_enums
from holdfastdb_server.rpc.convert.fields import read_fields, write_fields
from holdfastdb_server.rpc.convert.messages import read_body, write_body
from holdfastdb_server.rpc.convert.scalars import (
    read_optional_duration,
    read_optional_time,
    read_time,
    write_time,
)
from holdfastdb_server.rpc.errors import write_failure


def read_events(request: pb.AppendEventsRequest) -> list[Event]:
    """Return the events to append."""
    return check_events(_read_events(request.events[:]))


def read_batch(request: pb.BatchAppendEventsRequest) -> Sequence[pb.AppendEventsRequest]:
    """Return the requests of a batch. Only their numbers are checked, not their contents."""
    requests = request.requests[:]
    check_count_between("requests", len(requests), 1, limits.APPENDS_PER_BATCH)
    count = sum([len(one.events) for one in requests])
    if count > limits.EVENTS_PER_REQUEST:
        allowed = f"at most {limits.EVENTS_PER_REQUEST} are allowed"
        raise InvalidField("requests", f"has {count} events in all; {allowed}")
    return requests


def read_replacement(request: pb.ReplaceEventsRequest) -> Replacement:
    """Return the replacement."""
    bound = request.WhichOneof("range")
    if bound is None or (bound == "all" and not request.all):
        raise InvalidField("range", "must be one of `all: true`, `after_sequence` and `newest`")
    return Replacement(
        after_sequence=request.after_sequence if bound == "after_sequence" else None,
        newest=request.newest if bound == "newest" else None,
        kinds=frozenset(read_enums("kinds", request.kinds, EventKind)),
        events=_read_events(request.events[:]),
    ).checked()


def read_filter(value: pb.EventFilter) -> EventFilter:
    """Return the condition on events in the field `filter` of a request."""
    return read_fields(
        value,
        EventFilter,
        "filter.",
        types=tuple(dict.fromkeys(value.types)),
        kinds=frozenset(read_enums("filter.kinds", value.kinds, EventKind)),
        happened_from=read_optional_time(value, "event_time_from", "filter."),
        happened_until=read_optional_time(value, "event_time_until", "filter."),
    ).checked()


def read_groups(request: pb.SummarizeEventsRequest) -> tuple[tuple[EventGrouping, ...], int]:
    """Return what to group by, and the length of a time bucket in seconds."""
    groups = read_enums("group_by", request.group_by, EventGrouping)
    return groups, check_bucket(read_optional_duration(request, "bucket"), EventGrouping.TIME in groups)


def write_events(events: Sequence[Event]) -> pb.ListEventsResponse:
    """Return a list of events."""
    response = pb.ListEventsResponse()
    for event in events:
        _write_event(response.events.add(), event)
    return response


def write_append_result(appended: AppendResult) -> pb.AppendEventsResponse:
    """Return the response of AppendEvents."""
    response = pb.AppendEventsResponse()
    _write_appended(response, appended)
    return response


def write_batch(outcomes: Iterable[AppendResult | BaseException], call: Call) -> pb.BatchAppendEventsResponse:
    """Return the response of BatchAppendEvents."""
    response = pb.BatchAppendEventsResponse()
    results = response.results
    for outcome in outcomes:
        match outcome:
            case AppendResult():
                _write_appended(results.add().response, outcome)
            case Exception():
                results.add().error.MergeFromString(write_failure(outcome, call).details)
            case _:
                raise outcome
    return response


def write_replace_result(replaced: ReplaceResult) -> pb.ReplaceEventsResponse:
    """Return the response of ReplaceEvents."""
    response = pb.ReplaceEventsResponse()
    response.removed_count = replaced.removed_count
    response.last_sequence = replaced.last_sequence
    for receipt in replaced.receipts:
        _write_receipt(response.receipts.add(), receipt)
    return response


def write_tail(news: Sequence[Event] | CaughtUp) -> pb.TailEventsResponse:
    """Return the next message of a tail."""
    response = pb.TailEventsResponse()
    if isinstance(news, CaughtUp):
        response.caught_up.SetInParent()
        response.caught_up.last_sequence = news.last_sequence
    else:
        events = response.batch.events
        for event in news:
            _write_event(events.add(), event)
    return response


def write_summaries(summaries: Sequence[EventSummary]) -> pb.SummarizeEventsResponse:
    """Return the response of SummarizeEvents."""
    response = pb.SummarizeEventsResponse()
    for summary in summaries:
        write_fields(response.summaries.add(), summary)
    return response


def _read_events(values: Sequence[pb.Event]) -> list[Event]:
    """Return the events. `values` is a copy of the field: iterating over the field itself takes longer."""
    return [
        Event(
            event_id=value.event_id,
            type=value.type,
            actor=value.actor,
            run_id=value.run_id,
            task_id=value.task_id,
            body=read_body(index, value),
            labels=dict(value.labels) if value.labels else {},
            trace_id=value.trace_id,
            event_time=(
                read_time(f"events[{index}].event_time", value.event_time)
                if value.HasField("event_time")
                else None
            ),
        )
        for index, value in enumerate(values)
    ]


def _write_event(target: pb.Event, event: Event) -> None:
    target.event_id = event.event_id
    target.session_id = event.session_id
    target.sequence = event.sequence
    target.type = event.type
    target.actor = event.actor
    target.run_id = event.run_id
    target.task_id = event.task_id
    target.trace_id = event.trace_id
    write_body(target, event.body)
    if event.labels:
        target.labels.update(event.labels)
    if event.event_time is not None:
        write_time(target.event_time, event.event_time)
    if event.create_time is not None:
        write_time(target.create_time, event.create_time)


def _write_appended(target: pb.AppendEventsResponse, appended: AppendResult) -> None:
    target.last_sequence = appended.last_sequence
    receipts = target.receipts
    for receipt in appended.receipts:
        _write_receipt(receipts.add(), receipt)


def _write_receipt(target: pb.EventReceipt, receipt: EventReceipt) -> None:
    target.event_id = receipt.event_id
    target.sequence = receipt.sequence
    write_time(target.create_time, receipt.create_time)
