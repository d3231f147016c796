"""Errors as gRPC statuses: the tree of errors in the domain against the contract."""

from __future__ import annotations

import inspect
from typing import TypeVar

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from holdfastdb.v1.error_reason_pb2 import ErrorReason
from holdfastdb_server.domain import errors
from holdfastdb_server.rpc.errors import Failure, write_error, write_internal_failure

DetailT = TypeVar("DetailT", ErrorInfo, BadRequest, RetryInfo)

REASONED = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, errors.HoldfastError) and not value.__subclasses__()
]
HEADER_BYTES = 8 * 1024


@pytest.mark.parametrize("error", REASONED)
def test_each_error_has_a_reason_of_the_contract(error: type[errors.HoldfastError]) -> None:
    assert f"ERROR_REASON_{error.reason}" in ErrorReason.keys()  # noqa: SIM118 - the enum is no mapping


@pytest.mark.parametrize("error", REASONED)
def test_each_error_has_a_canonical_code(error: type[errors.HoldfastError]) -> None:
    assert error.code in grpc.StatusCode.__members__


def test_no_two_errors_have_one_reason() -> None:
    assert len({error.reason for error in REASONED}) == len(REASONED)


def test_a_stale_version_tells_the_actual_one() -> None:
    failure = write_error(errors.VersionMismatch("session", "order-42", 5, 7))
    assert failure.code is grpc.StatusCode.ABORTED
    assert failure.message == "session 'order-42' is at version 7, not 5"
    status = Status.FromString(failure.details)
    assert (status.code, status.message) == (10, failure.message)
    info = _info(failure)
    assert (info.reason, info.domain) == ("VERSION_MISMATCH", "holdfastdb")
    assert info.metadata == {"resource": "session", "id": "order-42", "expected": "5", "actual": "7"}


def test_a_bad_field_is_named() -> None:
    failure = write_error(errors.InvalidField("events[3].payload.json", "is not valid JSON"))
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    [violation] = _detail(failure, BadRequest()).field_violations
    assert (violation.field, violation.description) == ("events[3].payload.json", "is not valid JSON")


@pytest.mark.parametrize(
    ("error", "seconds"), [(errors.DatabaseUnavailable(), 1.0), (errors.ServerDraining(), 0.1)]
)
def test_unavailable_says_when_to_retry(error: errors.Unavailable, seconds: float) -> None:
    delay = _detail(write_error(error), RetryInfo()).retry_delay
    assert delay.seconds + delay.nanos / 1e9 == seconds


def test_a_bug_of_ours_tells_nothing_but_where_to_look() -> None:
    failure = write_internal_failure("abc-1")
    assert failure.code is grpc.StatusCode.INTERNAL
    assert _info(failure).reason == "INTERNAL"
    assert _info(failure).metadata == {"request_id": "abc-1"}
    assert "abc-1" in failure.message


@pytest.mark.parametrize(
    "error",
    [
        errors.EventIdTaken("😀" * 255, "😀" * 255, 2**62),
        errors.StateNotFound("😀" * 255, "😀" * 256, 3),
        errors.InvalidField("metadata." + "😀" * 16_000, "must not be so long: " + "x" * 60_000),
    ],
)
def test_the_longest_error_fits_into_the_headers_that_clients_take(error: errors.HoldfastError) -> None:
    failure = write_error(error)
    percent_encoded = sum(1 if 32 <= byte < 127 else 3 for byte in failure.message.encode())
    in_base64 = len(failure.details) * 4 / 3
    assert percent_encoded + in_base64 < HEADER_BYTES - 512


def test_the_longest_ids_are_told_whole() -> None:
    metadata = _info(write_error(errors.EventIdTaken("😀" * 255, "é" * 255, 3))).metadata
    assert metadata["session_id"] == "😀" * 255
    assert metadata["event_id"] == "é" * 255


def _info(failure: Failure) -> ErrorInfo:
    return _detail(failure, ErrorInfo())


def _detail(failure: Failure, detail: DetailT) -> DetailT:
    assert any(packed.Unpack(detail) for packed in Status.FromString(failure.details).details)
    return detail
