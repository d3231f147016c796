"""The typed errors of gRPC's errors and statuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from holdfastdb.errors import (
    Aborted,
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    FieldViolation,
    HoldfastError,
    Internal,
    InvalidArgument,
    LeaseNotHeld,
    NotFound,
    PermissionDenied,
    Reason,
    ResourceExhausted,
    SequenceMismatch,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    VersionMismatch,
)
from holdfastdb.v1 import payload_pb2

DOMAIN = "holdfastdb"

_BY_CODE: Mapping[grpc.StatusCode, type[HoldfastError]] = {
    error.default_code: error
    for error in (
        InvalidArgument, NotFound, AlreadyExists, Aborted, FailedPrecondition, ResourceExhausted, Unavailable,
        DeadlineExceeded, Unauthenticated, PermissionDenied, Unimplemented, Internal,
    )
} | {
    # A server that stops cancels the calls that it has not begun; a caller that cancels gets no RpcError.
    grpc.StatusCode.CANCELLED: Unavailable,
}  # fmt: skip
_CODES: Mapping[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
_BY_REASON: Mapping[str, type[HoldfastError]] = {
    Reason.VERSION_MISMATCH: VersionMismatch,
    Reason.SEQUENCE_MISMATCH: SequenceMismatch,
    Reason.LEASE_NOT_HELD: LeaseNotHeld,
}


def from_rpc_error(error: grpc.aio.AioRpcError, call_id: str = "") -> HoldfastError:
    """The typed error for what gRPC raised, with the details that the server sent along."""
    try:
        # An AioRpcError has the three methods of a Call that from_call uses.
        status = rpc_status.from_call(cast(grpc.Call, error))
        details = status.details if status is not None else ()
    except (DecodeError, ValueError):
        # A proxy may garble the details or contradict the code; the code alone still says enough.
        details = ()
    return _error(error.code(), error.details() or error.code().name, details, call_id)


def from_status(status: payload_pb2.Status, call_id: str = "") -> HoldfastError:
    """The typed error for how one request of a batch failed."""
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    return _error(code, status.message or code.name, status.details, call_id)


def _error(code: grpc.StatusCode, message: str, details: Iterable[Any], call_id: str) -> HoldfastError:
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    retry_info = error_details_pb2.RetryInfo()
    try:
        for detail in details:
            for known in (info, bad_request, retry_info):
                detail.Unpack(known)
    except DecodeError:
        info.Clear()
    metadata = dict(info.metadata) if info.domain == DOMAIN else {}
    reason = info.reason if info.domain == DOMAIN else ""
    kind = _BY_REASON.get(reason, _BY_CODE.get(code, HoldfastError))
    if issubclass(kind, VersionMismatch | SequenceMismatch) and not {"expected", "actual"} <= metadata.keys():
        kind = Aborted
    return kind(
        message,
        code=code,
        reason=reason,
        metadata=metadata,
        field_violations=[FieldViolation(v.field, v.description) for v in bad_request.field_violations],
        retry_delay=retry_info.retry_delay.ToTimedelta() if retry_info.HasField("retry_delay") else None,
        call_id=call_id,
    )
