"""Errors are typed by code and reason, and carry what the server sent along."""

from __future__ import annotations

from datetime import timedelta

import grpc
import pytest

import holdfastdb
from holdfastdb import errors
from holdfastdb.v1 import error_reason_pb2
from tests.unit.client.scripted import Failure, Script

NAMED = [
    grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.ABORTED, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INTERNAL,
]  # fmt: skip


async def failure(client: holdfastdb.AsyncClient) -> holdfastdb.HoldfastError:
    with pytest.raises(holdfastdb.HoldfastError) as caught:
        await client.sessions.get("s-1")
    return caught.value


def test_the_reasons_are_those_of_the_contract() -> None:
    prefix = "ERROR_REASON_"
    names = error_reason_pb2.ErrorReason.DESCRIPTOR.values_by_name
    contract = {name.removeprefix(prefix) for name in names} - {"UNSPECIFIED"}
    assert {reason.value for reason in errors.Reason} == contract


def test_the_tree_in_the_docstring_names_every_error() -> None:
    def below(kind: type[BaseException]) -> set[str]:
        return {kind.__name__} | {name for child in kind.__subclasses__() for name in below(child)}

    assert errors.__doc__ is not None
    public = {name for name in below(holdfastdb.HoldfastError) if not name.startswith("_")}
    drawn = {line.lstrip(" │├└─").split(" ")[0] for line in errors.__doc__.splitlines()}
    assert public <= drawn
    assert public <= set(holdfastdb.__all__)


@pytest.mark.parametrize("code", NAMED, ids=lambda code: code.name)
async def test_each_code_has_its_class(
    script: Script, client: holdfastdb.AsyncClient, code: grpc.StatusCode
) -> None:
    script.on("GetSession", Failure(code, "no luck"))
    error = await failure(client)
    assert type(error).__name__ == "".join(word.title() for word in code.name.split("_"))
    assert (error.code, error.message, error.reason) == (code, "no luck", "")
    assert error.call_id == script.calls[-1].headers["x-request-id"]


async def test_another_code_is_the_base_class(script: Script, client: holdfastdb.AsyncClient) -> None:
    script.on("GetSession", Failure(grpc.StatusCode.DATA_LOSS))
    error = await failure(client)
    assert type(error) is holdfastdb.HoldfastError
    assert error.code is grpc.StatusCode.DATA_LOSS


async def test_details_are_read(script: Script, client: holdfastdb.AsyncClient) -> None:
    script.on(
        "GetSession",
        Failure(
            grpc.StatusCode.INVALID_ARGUMENT,
            "session_id: 1 to 255 characters",
            reason="INVALID_FIELD",
            metadata={"a": "b"},
            violations=[("session_id", "1 to 255 characters")],
            retry_delay=timedelta(milliseconds=1500),
        ),
    )
    error = await failure(client)
    assert isinstance(error, holdfastdb.InvalidArgument)
    assert error.reason == holdfastdb.Reason.INVALID_FIELD
    assert error.metadata == {"a": "b"}
    assert error.field_violations == (holdfastdb.FieldViolation("session_id", "1 to 255 characters"),)
    assert error.retry_delay == timedelta(seconds=1.5)
    assert str(error) == "session_id: 1 to 255 characters (INVALID_FIELD)"


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("VERSION_MISMATCH", holdfastdb.VersionMismatch), ("SEQUENCE_MISMATCH", holdfastdb.SequenceMismatch)],
)
async def test_a_mismatch_tells_the_expected_and_the_actual_value(
    script: Script,
    client: holdfastdb.AsyncClient,
    reason: str,
    kind: type[holdfastdb.VersionMismatch | holdfastdb.SequenceMismatch],
) -> None:
    script.on(
        "GetSession",
        Failure(grpc.StatusCode.ABORTED, reason=reason, metadata={"expected": "5", "actual": "7"}),
    )
    error = await failure(client)
    assert isinstance(error, kind)
    assert isinstance(error, holdfastdb.Aborted)
    assert (error.expected, error.actual) == (5, 7)


async def test_a_reason_of_a_newer_server_is_kept(script: Script, client: holdfastdb.AsyncClient) -> None:
    script.on("GetSession", Failure(grpc.StatusCode.NOT_FOUND, reason="MOON_NOT_FOUND"))
    assert (await failure(client)).reason == "MOON_NOT_FOUND"


async def test_garbled_details_leave_the_code(script: Script, client: holdfastdb.AsyncClient) -> None:
    class Garbled(Failure):
        def trailer(self) -> tuple[tuple[str, bytes], ...]:
            return (("grpc-status-details-bin", b"\xff\xff"),)

    script.on("GetSession", Garbled(grpc.StatusCode.NOT_FOUND))
    error = await failure(client)
    assert isinstance(error, holdfastdb.NotFound)
    assert error.reason == ""
