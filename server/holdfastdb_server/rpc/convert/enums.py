"""Enums between protobuf and domain, by the names of their members.

The member `ACTIVE` of the domain's SessionStatus is `SESSION_STATUS_ACTIVE` in the contract. The number 0 is
`…_UNSPECIFIED` in every protobuf enum and has no member in the domain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar

from google.protobuf.descriptor import EnumDescriptor

from holdfastdb.v1 import approval_service_pb2 as approval_pb
from holdfastdb.v1 import document_service_pb2 as document_pb
from holdfastdb.v1 import history_service_pb2 as history_pb
from holdfastdb.v1 import payload_pb2
from holdfastdb.v1 import plan_service_pb2 as plan_pb
from holdfastdb.v1 import run_service_pb2 as run_pb
from holdfastdb.v1 import session_service_pb2 as session_pb
from holdfastdb.v1 import task_service_pb2 as task_pb
from holdfastdb_server.domain import limits
from holdfastdb_server.domain.approvals import ApprovalStatus
from holdfastdb_server.domain.documents.filters import ContentOperator
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.events import EventGrouping, EventKind
from holdfastdb_server.domain.paging import SortOrder
from holdfastdb_server.domain.plans.items import ItemStatus
from holdfastdb_server.domain.plans.plan import PlanStatus
from holdfastdb_server.domain.runs.reports import RunGrouping
from holdfastdb_server.domain.runs.run import RunStatus
from holdfastdb_server.domain.sessions import SessionStatus
from holdfastdb_server.domain.tasks.task import TaskStatus
from holdfastdb_server.domain.values import check_count

EnumT = TypeVar("EnumT", bound=Enum)

PROTO_ENUMS: Mapping[type[Enum], EnumDescriptor] = {
    SessionStatus: session_pb.SessionStatus.DESCRIPTOR,
    EventKind: history_pb.EventKind.DESCRIPTOR,
    EventGrouping: history_pb.EventGrouping.DESCRIPTOR,
    TaskStatus: task_pb.TaskStatus.DESCRIPTOR,
    RunStatus: run_pb.RunStatus.DESCRIPTOR,
    RunGrouping: run_pb.RunGrouping.DESCRIPTOR,
    ApprovalStatus: approval_pb.ApprovalStatus.DESCRIPTOR,
    PlanStatus: plan_pb.PlanStatus.DESCRIPTOR,
    ItemStatus: plan_pb.PlanItemStatus.DESCRIPTOR,
    ContentOperator: document_pb.ContentOperator.DESCRIPTOR,
    SortOrder: payload_pb2.SortOrder.DESCRIPTOR,
}


def prefix_of(proto: EnumDescriptor) -> str:
    """Return what the names of a protobuf enum begin with, such as `SESSION_STATUS_`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", proto.name).upper() + "_"


_NUMBERS: Mapping[type[Enum], Mapping[Any, int]] = {
    kind: {member: proto.values_by_name[prefix_of(proto) + member.name].number for member in kind}
    for kind, proto in PROTO_ENUMS.items()
}
_MEMBERS: Mapping[type[Enum], Mapping[int, Any]] = {
    kind: {number: member for member, number in numbers.items()} for kind, numbers in _NUMBERS.items()
}


def read_enum(field: str, number: int, kind: type[EnumT]) -> EnumT:
    """Return the member that an enum's number stands for. Raises InvalidField for 0 and unknown numbers."""
    member: EnumT | None = _MEMBERS[kind].get(number)
    if member is None:
        raise InvalidField(field, f"has the unknown value {number}" if number else "must be specified")
    return member


def read_enums(field: str, numbers: Sequence[int], kind: type[EnumT]) -> tuple[EnumT, ...]:
    """Return the members that at most 100 numbers stand for, each once, in the order of the request."""
    check_count(field, numbers, limits.FILTER_VALUES)
    members = (read_enum(f"{field}[{index}]", number, kind) for index, number in enumerate(numbers))
    return tuple(dict.fromkeys(members))


def write_enum(member: Enum) -> int:
    """Return the number of a member."""
    return _NUMBERS[type(member)][member]
