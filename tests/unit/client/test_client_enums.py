"""Enums are those of the contract, and one that a newer server sends is no error."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, get_args

import pytest

import holdfastdb
from holdfastdb import types
from holdfastdb._convert.enums import from_enum, to_enum
from holdfastdb.v1 import approval_service_pb2 as approval_pb
from holdfastdb.v1 import history_service_pb2 as history_pb
from holdfastdb.v1 import payload_pb2
from holdfastdb.v1 import plan_service_pb2 as plan_pb
from holdfastdb.v1 import run_service_pb2 as run_pb
from holdfastdb.v1 import session_service_pb2 as session_pb
from holdfastdb.v1 import task_service_pb2 as task_pb
from tests.unit.client.scripted import Script

STATUSES: list[tuple[type[StrEnum], Any]] = [
    (types.ApprovalStatus, approval_pb.ApprovalStatus),
    (types.PlanItemStatus, plan_pb.PlanItemStatus),
    (types.PlanStatus, plan_pb.PlanStatus),
    (types.RunStatus, run_pb.RunStatus),
    (types.SessionStatus, session_pb.SessionStatus),
    (types.TaskStatus, task_pb.TaskStatus),
]
OTHERS: list[tuple[list[str], Any]] = [
    ([*types.EventKind], history_pb.EventKind),
    ([*get_args(types.EventGrouping)], history_pb.EventGrouping),
    ([*get_args(types.RunGrouping)], run_pb.RunGrouping),
    ([*get_args(types.Order)], payload_pb2.SortOrder),
]


@pytest.mark.parametrize(("kind", "source"), STATUSES)
def test_a_status_goes_there_and_back(kind: type[StrEnum], source: Any) -> None:
    known = [status for status in kind if status.name != "UNRECOGNIZED"]
    assert [from_enum(kind, source, to_enum(source, status, "status")) for status in known] == known
    assert len(known) == len(source.values()) - 1  # UNSPECIFIED


@pytest.mark.parametrize(("names", "source"), OTHERS)
def test_every_other_name_has_a_number(names: list[str], source: Any) -> None:
    assert {to_enum(source, name, "x") for name in names} == {number for number in source.values() if number}


@pytest.mark.parametrize(("kind", "source"), STATUSES)
@pytest.mark.parametrize("number", [0, 99, -1])
def test_a_number_that_this_version_does_not_know_is_unrecognized(
    kind: type[StrEnum], source: Any, number: int
) -> None:
    assert from_enum(kind, source, number).name == "UNRECOGNIZED"


async def test_a_newer_servers_status_is_unrecognized_and_never_sent(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    newer: Any = 99
    script.on("GetTask", task_pb.GetTaskResponse(task=task_pb.Task(task_id="t", status=newer)))
    script.on("GetPlan", plan_pb.GetPlanResponse(plan=plan_pb.Plan(items=[plan_pb.PlanItem(status=newer)])))
    task = await client.tasks.get("t")
    assert task.status is types.TaskStatus.UNRECOGNIZED
    assert not task.status.is_final
    assert (await client.plans.get("p")).items[0].status is types.PlanItemStatus.UNRECOGNIZED
    with pytest.raises(holdfastdb.InvalidArgument, match=r"UNRECOGNIZED.* is not one of pending"):
        await client.tasks.transition("t", task.status)


async def test_an_approval_with_a_newer_status_no_longer_waits(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    newer: Any = 99
    answer = approval_pb.WaitApprovalResponse(approval=approval_pb.Approval(status=newer))
    script.on("WaitApproval", answer)
    assert (await client.approvals.wait("a")).status is types.ApprovalStatus.UNRECOGNIZED
    assert len(script.calls) == 1
