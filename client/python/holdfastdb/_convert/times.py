"""Times and durations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf import duration_pb2, timestamp_pb2
from google.protobuf.message import Message

from holdfastdb._arguments import refused, require, require_seconds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What a protobuf Duration holds: 10,000 years.
_MAX_SECONDS = 315_576_000_000


def to_timestamp(value: datetime | None, path: str) -> timestamp_pb2.Timestamp | None:
    """The time, to the microsecond. A naive datetime is refused: it could mean any zone."""
    if value is None:
        return None
    if require(value, datetime, path, "a datetime").utcoffset() is None:
        raise refused(path, "the datetime needs a timezone")
    since = value - _EPOCH
    return timestamp_pb2.Timestamp(
        seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1_000
    )


def from_timestamp(value: timestamp_pb2.Timestamp) -> datetime:
    """Timezone-aware, in UTC, cut to the microsecond."""
    return _EPOCH + timedelta(0, value.seconds, value.nanos // 1_000)


def from_optional_timestamp(message: Message, field: str) -> datetime | None:
    """The time in a field of a message; None where it is not set."""
    return from_timestamp(getattr(message, field)) if message.HasField(field) else None


def to_duration(value: timedelta | None, path: str) -> duration_pb2.Duration | None:
    """The duration, to the microsecond."""
    if value is None:
        return None
    if abs(require(value, timedelta, path, "a timedelta").total_seconds()) > _MAX_SECONDS:
        raise refused(path, f"at most {_MAX_SECONDS:,} seconds")
    duration = duration_pb2.Duration()
    duration.FromTimedelta(value)
    return duration


def to_wait(seconds: float, path: str) -> duration_pb2.Duration | None:
    """The duration of a wait in seconds, to the microsecond."""
    if abs(require_seconds(seconds, path)) > _MAX_SECONDS:
        raise refused(path, f"at most {_MAX_SECONDS:,} seconds")
    return to_duration(timedelta(seconds=seconds), path)


def from_optional_duration(message: Message, field: str) -> timedelta | None:
    """The duration in a field of a message; None where it is not set."""
    return getattr(message, field).ToTimedelta() if message.HasField(field) else None
