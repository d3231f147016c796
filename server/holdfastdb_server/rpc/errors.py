"""Errors as gRPC statuses with google.rpc details."""

from __future__ import annotations

import logging
from typing import NamedTuple

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from holdfastdb_server.domain.errors import HoldfastError, InvalidArgument, MalformedRequest, Unavailable
from holdfastdb_server.rpc.context import Call

logger = logging.getLogger("holdfast.rpc")

DOMAIN = "holdfastdb"
DETAILS_HEADER = "grpc-status-details-bin"

# Clients accept 8 KiB of headers. The message is in them twice: percent-encoded in `grpc-message`, and in
# base64 in the details. An id of 255 characters has up to 1,020 bytes.
_TEXT_BYTES = 768
_VALUE_BYTES = 1024


class Failure(NamedTuple):
    """The status with which a failed call, or a failed request of a batch, is answered."""

    code: grpc.StatusCode
    message: str
    details: bytes
    """A serialized google.rpc.Status."""


def write_failure(error: Exception, call: Call) -> Failure:
    """Return the status for any exception. One that is not a HoldfastError is a bug and logged."""
    if isinstance(error, DecodeError):
        error = MalformedRequest()
    if isinstance(error, HoldfastError):
        return write_error(error)
    logger.error("call failed with an unexpected exception", exc_info=error, extra={"method": call.method})
    return write_internal_failure(call.request_id)


def write_error(error: HoldfastError) -> Failure:
    """Return the status for an error."""
    details: list[Message] = [_info(error.reason, error.metadata)]
    if isinstance(error, InvalidArgument):
        details.append(_bad_request(error))
    if isinstance(error, Unavailable):
        delay = Duration(nanos=round(error.retry_seconds * 1e9) % 10**9, seconds=int(error.retry_seconds))
        details.append(RetryInfo(retry_delay=delay))
    return _failure(grpc.StatusCode[error.code], error.message, details)


def write_internal_failure(request_id: str) -> Failure:
    """Return the status for a bug: it says only under which id the server's log has it."""
    message = f"internal error; the server's log has it under the request id {request_id}"
    return _failure(grpc.StatusCode.INTERNAL, message, [_info("INTERNAL", {"request_id": request_id})])


def _failure(code: grpc.StatusCode, message: str, details: list[Message]) -> Failure:
    message = _clip(message, _TEXT_BYTES)
    status = Status(code=code.value[0], message=message)
    for detail in details:
        status.details.add().Pack(detail)
    return Failure(code, message, status.SerializeToString())


def _info(reason: str, metadata: dict[str, str]) -> ErrorInfo:
    clipped = {name: _clip(value, _VALUE_BYTES) for name, value in metadata.items()}
    return ErrorInfo(reason=reason, domain=DOMAIN, metadata=clipped)


def _bad_request(error: InvalidArgument) -> BadRequest:
    bad = BadRequest()
    bad.field_violations.add(
        field=_clip(error.field, _VALUE_BYTES), description=_clip(error.problem, _TEXT_BYTES)
    )
    return bad


def _clip(text: str, size: int) -> str:
    """Return the text, cut to `size` bytes of UTF-8 with `…` after them if it has more."""
    if len(text) * 4 <= size:
        return text
    encoded = text.encode()
    return text if len(encoded) <= size else encoded[:size].decode(errors="ignore") + "…"
