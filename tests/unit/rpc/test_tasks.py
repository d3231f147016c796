"""Tasks and leases between protobuf and domain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from holdfastdb.v1 import payload_pb2
from holdfastdb.v1 import task_service_pb2 as pb
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.tasks.moves import Claim, Lease
from holdfastdb_server.domain.tasks.task import Task, TaskDraft, TaskFields, TaskStatus
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.rpc.convert import tasks

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIELDS = TaskFields(
    phase="testing",
    from_role="planner",
    to_role="coder",
    payload=Payload(json='{"b": 1.50}'),
    result=Payload(data=b"\0", media_type="x/y"),
    error="bad",
    priority=-3,
    run_after_time=NOON,
    max_attempts=4,
    labels={"k": "v"},
    metadata={"n": 3},
)


def _time(time: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp


def _struct(value: dict[str, Any]) -> Struct:
    return ParseDict(value, Struct())


def a_task(status: TaskStatus = TaskStatus.RUNNING) -> Task:
    return Task(
        task_id="t",
        kind="bounty",
        session_id="s",
        idempotency_key="i",
        dedupe_key="d",
        trace_id="x",
        fields=FIELDS,
        status=status,
        version=5,
        attempts=2,
        worker_id="w",
        lease_token="secret",
        lease_expire_time=NOON if status is TaskStatus.RUNNING else None,
        create_time=NOON,
        update_time=NOON,
        start_time=NOON,
        end_time=NOON if status.is_final else None,
    )


A_MESSAGE = pb.Task(
    task_id="t",
    session_id="s",
    kind="bounty",
    status=pb.TASK_STATUS_RUNNING,
    phase="testing",
    from_role="planner",
    to_role="coder",
    payload=payload_pb2.Payload(json='{"b": 1.50}'),
    result=payload_pb2.Payload(data=b"\0", media_type="x/y"),
    error="bad",
    idempotency_key="i",
    dedupe_key="d",
    priority=-3,
    run_after_time=_time(NOON),
    max_attempts=4,
    labels={"k": "v"},
    metadata=_struct({"n": 3}),
    trace_id="x",
    version=5,
    attempts=2,
    worker_id="w",
    lease_expire_time=_time(NOON),
    create_time=_time(NOON),
    update_time=_time(NOON),
    start_time=_time(NOON),
)


def test_a_task_has_all_of_its_fields() -> None:
    assert tasks.write_task(pb.GetTaskResponse(), a_task()).task == A_MESSAGE


@pytest.mark.parametrize("status", TaskStatus)
def test_each_status_has_its_number(status: TaskStatus) -> None:
    written = tasks.write_task(pb.GetTaskResponse(), a_task(status)).task
    assert pb.TaskStatus.Name(written.status) == f"TASK_STATUS_{status.name}"
    assert written.HasField("end_time") == status.is_final
    assert written.HasField("lease_expire_time") == (status is TaskStatus.RUNNING)


def test_the_token_is_shown_by_a_claim_only() -> None:
    claimed = tasks.write_lease(Lease(a_task(), "secret"))
    assert (claimed.task, claimed.lease_token) == (A_MESSAGE, "secret")
    assert b"secret" not in tasks.write_tasks([a_task()]).SerializeToString()


def test_a_claim_without_a_task_has_neither_task_nor_token() -> None:
    assert tasks.write_lease(None) == pb.ClaimTaskResponse()


def test_a_draft_takes_what_a_caller_says_and_nothing_else() -> None:
    draft = tasks.read_draft(pb.CreateTaskRequest(task=A_MESSAGE))
    assert draft == TaskDraft("t", "bounty", "s", "i", "d", "x", FIELDS)


def test_a_draft_without_an_id_gets_one() -> None:
    draft = tasks.read_draft(pb.CreateTaskRequest(task=pb.Task(kind="k")))
    assert UUID(draft.task_id).version == 7
    assert (draft.fields.payload, draft.fields.run_after_time) == (None, None)


def test_a_change_names_what_it_replaces() -> None:
    request = pb.UpdateTaskRequest(task=A_MESSAGE, lease_token="secret")
    everything = frozenset(TaskFields.__struct_fields__) - {"labels", "metadata"}
    assert (tasks.read_change(request).replaced, tasks.read_change(request).merges) == (everything, True)
    request.update_mask.CopyFrom(FieldMask(paths=["phase", "run_after_time"]))
    change = tasks.read_change(request)
    assert (change.replaced, change.lease_token) == (frozenset({"phase", "run_after_time"}), "secret")
    assert change.fields == FIELDS


@pytest.mark.parametrize("path", ["status", "kind", "dedupe_key", "attempts", "payload.json", "*"])
def test_what_is_fixed_cannot_be_named(path: str) -> None:
    request = pb.UpdateTaskRequest(task=A_MESSAGE, update_mask=FieldMask(paths=[path]))
    with pytest.raises(InvalidField) as caught:
        tasks.read_change(request)
    assert caught.value.field == "update_mask"


def test_a_move_without_a_result_has_none() -> None:
    move = tasks.read_transition(
        pb.TransitionTaskRequest(status=pb.TASK_STATUS_FAILED, error="e", phase="p", actor="a")
    )
    assert (move.status, move.result, move.error, move.phase) == (TaskStatus.FAILED, None, "e", "p")
    assert (move.actor, move.lease_token) == ("a", "")


@pytest.mark.parametrize("status", [0, 99])
def test_a_move_needs_a_status(status: Any) -> None:
    with pytest.raises(InvalidField) as caught:
        tasks.read_transition(pb.TransitionTaskRequest(status=status))
    assert caught.value.field == "status"


def test_a_claim_without_a_duration_lasts_a_minute_and_does_not_wait() -> None:
    request = pb.ClaimTaskRequest(kinds=["b", "a", "b"])
    assert tasks.read_claim(request) == Claim(kinds=("a", "b"), lease_duration=timedelta(minutes=1))
    assert tasks.read_wait(request) == timedelta()
    assert tasks.read_lease_duration(pb.ExtendLeaseRequest()) == timedelta(minutes=1)


def test_a_wait_is_cut_to_five_minutes() -> None:
    assert tasks.read_wait(pb.ClaimTaskRequest(wait=Duration(seconds=9))) == timedelta(seconds=9)
    assert tasks.read_wait(pb.ClaimTaskRequest(wait=Duration(seconds=900))) == timedelta(minutes=5)


@pytest.mark.parametrize("seconds", [0, -1, 86_401])
def test_a_lease_has_its_bounds(seconds: int) -> None:
    for kind in (pb.ClaimTaskRequest, pb.ExtendLeaseRequest):
        with pytest.raises(InvalidField) as caught:
            tasks.read_lease_duration(kind(lease_duration=Duration(seconds=seconds)))
        assert caught.value.field == "lease_duration"


def test_a_release_needs_the_token() -> None:
    with pytest.raises(InvalidField) as caught:
        tasks.read_release(pb.ReleaseTaskRequest(task_id="t"))
    assert caught.value.field == "lease_token"
    release = tasks.read_release(pb.ReleaseTaskRequest(lease_token="x", run_after_time=_time(NOON)))
    assert (release.attempt_failed, release.run_after_time) == (False, NOON)


def test_a_filter_has_all_that_is_asked_for() -> None:
    where = tasks.read_filter(
        pb.ListTasksRequest(
            statuses=[pb.TASK_STATUS_PENDING, pb.TASK_STATUS_PENDING],
            kinds=["k"],
            phase="p",
            session_id="s",
            from_role="f",
            to_role="t",
            worker_id="w",
            dedupe_key="d",
            trace_id="x",
            labels={"a": "b"},
            metadata=_struct({"n": 3}),
            create_time_from=_time(NOON),
            omit_payload=True,
        )
    )
    assert (where.statuses, where.kinds, where.phase) == ((TaskStatus.PENDING,), ("k",), "p")
    assert (where.session_id, where.from_role, where.to_role) == ("s", "f", "t")
    assert (where.worker_id, where.dedupe_key, where.trace_id) == ("w", "d", "x")
    assert (where.labels, where.metadata, where.omit_payload) == ({"a": "b"}, {"n": 3}, True)
    assert (where.created_from, where.created_until) == (NOON, None)
