"""Enums between protobuf and domain."""

from __future__ import annotations

from enum import Enum

import pytest
from google.protobuf import descriptor_pool

from holdfastdb.v1 import error_reason_pb2
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.sessions import SessionStatus
from holdfastdb_server.rpc.convert.enums import PROTO_ENUMS, prefix_of, read_enum, read_enums, write_enum

FILES = {proto.file.name for proto in PROTO_ENUMS.values()} | {error_reason_pb2.DESCRIPTOR.name}


@pytest.mark.parametrize("kind", PROTO_ENUMS)
def test_a_domain_enum_has_the_members_of_its_protobuf_enum(kind: type[Enum]) -> None:
    proto = PROTO_ENUMS[kind]
    names = {prefix_of(proto) + member.name for member in kind} | {f"{prefix_of(proto)}UNSPECIFIED"}
    assert names == set(proto.values_by_name)


@pytest.mark.parametrize("kind", PROTO_ENUMS)
def test_each_member_comes_back_from_its_number(kind: type[Enum]) -> None:
    for member in kind:
        assert read_enum("field", write_enum(member), kind) is member


def test_every_protobuf_enum_of_the_contract_has_a_domain_enum() -> None:
    files = [descriptor_pool.Default().FindFileByName(name) for name in FILES]
    enums = {enum.full_name for file in files for enum in file.enum_types_by_name.values()}
    with_a_domain_enum = {proto.full_name for proto in PROTO_ENUMS.values()}
    assert enums == with_a_domain_enum | {"holdfastdb.v1.ErrorReason"}


@pytest.mark.parametrize(("number", "problem"), [(0, "must be specified"), (99, "has the unknown value 99")])
def test_an_enum_that_is_unspecified_or_unknown_is_refused(number: int, problem: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        read_enums("statuses", [write_enum(SessionStatus.ACTIVE), number], SessionStatus)
    assert (refusal.value.field, refusal.value.problem) == ("statuses[1]", problem)
