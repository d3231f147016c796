"""Fields that a message and a struct have under one name, converted by their protobuf type."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from holdfastdb.v1 import memory_service_pb2, run_service_pb2, session_service_pb2, task_service_pb2
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.memories import MemoryFields
from holdfastdb_server.domain.runs.reports import RunFilter
from holdfastdb_server.domain.runs.run import RunStatus
from holdfastdb_server.domain.sessions import ForkDraft, SessionFields
from holdfastdb_server.domain.tasks.task import TaskFields
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.rpc.convert.fields import read_fields, write_fields

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TASK = TaskFields(
    phase="p",
    from_role="f",
    payload=Payload(json="1"),
    priority=-1,
    run_after_time=NOON,
    labels={"k": "v"},
    metadata={"n": 3.0, "deep": {"a": [True, None, "x"]}},
)


def test_fields_of_every_type_come_back() -> None:
    message = task_service_pb2.Task()
    write_fields(message, TASK)
    assert read_fields(message, TaskFields) == TASK


def test_an_empty_struct_sets_nothing_and_an_empty_message_gives_it() -> None:
    message = task_service_pb2.Task()
    write_fields(message, TaskFields())
    assert message == task_service_pb2.Task()
    assert read_fields(message, TaskFields) == TaskFields()


def test_the_zero_of_an_optional_scalar_is_written() -> None:
    message = memory_service_pb2.Memory()
    write_fields(message, MemoryFields(confidence=0.0))
    assert message.HasField("confidence")


def test_an_optional_number_is_none_where_it_is_absent_and_never_negative() -> None:
    request = session_service_pb2.ForkSessionRequest(new_session_id="n", title="t")
    assert read_fields(request, ForkDraft) == ForkDraft("", None, "t")
    request.sequence = -1
    with pytest.raises(InvalidField) as refusal:
        read_fields(request, ForkDraft, "fork.")
    assert refusal.value.field == "fork.sequence"


def test_a_given_value_goes_before_that_of_the_message() -> None:
    request = session_service_pb2.ForkSessionRequest(session_id="source", sequence=0)
    assert read_fields(request, ForkDraft, session_id="copy") == ForkDraft("copy", 0)


def test_an_omitted_field_is_not_written() -> None:
    message = session_service_pb2.Session()
    write_fields(message, SessionFields(title="t", retention=timedelta(hours=1)), "retention")
    assert message == session_service_pb2.Session(title="t")
    write_fields(message, SessionFields(retention=timedelta(hours=1)))
    assert message.retention == Duration(seconds=3600)


def test_repeated_enums_are_read_by_their_names() -> None:
    where = run_service_pb2.RunFilter(
        statuses=[run_service_pb2.RUN_STATUS_FAILED, run_service_pb2.RUN_STATUS_FAILED]
    )
    assert read_fields(where, RunFilter).statuses == (RunStatus.FAILED,)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (task_service_pb2.Task(run_after_time=Timestamp(nanos=-1)), "task.run_after_time"),
        (session_service_pb2.Session(retention=Duration(seconds=1, nanos=-1)), "task.retention"),
    ],
)
def test_a_bad_value_is_refused_with_its_path(
    message: task_service_pb2.Task | session_service_pb2.Session, field: str
) -> None:
    kind = TaskFields if isinstance(message, task_service_pb2.Task) else SessionFields
    with pytest.raises(InvalidField) as refusal:
        read_fields(message, kind, "task.")
    assert refusal.value.field == field
