"""Values between protobuf and domain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from holdfastdb.v1 import payload_pb2, session_service_pb2
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.rpc.convert import scalars

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_comes_back_to_the_microsecond(time: datetime) -> None:
    message = Timestamp()
    scalars.write_time(message, time)
    assert scalars.read_time("time", Timestamp.FromString(message.SerializeToString())) == time


def test_a_time_in_another_zone_is_the_same_instant() -> None:
    message = Timestamp()
    scalars.write_time(message, datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))))
    assert message.ToJsonString() == "2026-01-01T00:00:00Z"


def test_a_time_is_cut_to_microseconds() -> None:
    read = scalars.read_time("time", Timestamp(seconds=-1, nanos=999_999_999))
    assert read == datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "nanos"),
    [(253_402_300_800, 0), (-62_135_596_801, 0), (2**63 - 1, 0), (-(2**63), 0), (0, -1), (0, 10**9)],
)
def test_a_time_out_of_range_is_refused_by_its_field(seconds: int, nanos: int) -> None:
    with pytest.raises(InvalidField) as refusal:
        scalars.read_time("filter.event_time_from", Timestamp(seconds=seconds, nanos=nanos))
    assert refusal.value.field == "filter.event_time_from"


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=36_500)))
def test_a_duration_comes_back(duration: timedelta) -> None:
    message = Duration()
    scalars.write_duration(message, duration)
    assert scalars.read_duration("bucket", message) == duration


def test_a_negative_duration_is_read_as_one() -> None:
    assert scalars.read_duration("bucket", Duration(seconds=-1, nanos=-500_000_999)) == timedelta(
        seconds=-1.5
    )


@pytest.mark.parametrize(
    ("seconds", "nanos"), [(315_576_000_001, 0), (-(2**63), 0), (0, 10**9), (1, -1), (-1, 1)]
)
def test_a_duration_out_of_range_is_refused_by_its_field(seconds: int, nanos: int) -> None:
    with pytest.raises(InvalidField) as refusal:
        scalars.read_duration("session.retention", Duration(seconds=seconds, nanos=nanos))
    assert refusal.value.field == "session.retention"


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_an_object_comes_back(value: dict[str, object]) -> None:
    message = Struct()
    scalars.write_struct(message, value)
    parsed = Struct.FromString(message.SerializeToString())
    assert scalars.read_struct("metadata", parsed) == value
    assert MessageToDict(parsed) == value


def test_whole_numbers_are_written_as_numbers_and_not_as_booleans() -> None:
    message = Struct()
    scalars.write_struct(message, {"one": 1, "true": True})
    assert message == ParseDict({"one": 1, "true": True}, Struct())
    assert message.fields["one"].WhichOneof("kind") == "number_value"
    assert message.fields["true"].WhichOneof("kind") == "bool_value"


def test_a_value_without_a_kind_is_refused_by_its_place() -> None:
    message = Struct()
    message.fields["tags"].list_value.values.add()
    with pytest.raises(InvalidField) as refusal:
        scalars.read_struct("session.metadata", message)
    assert refusal.value.field == "session.metadata.tags[0]"


@pytest.mark.parametrize(
    "payload",
    [
        Payload(json='{"b": 1, "a": 12345678901234567890}', media_type="application/json"),
        Payload(json='"\\u0000😀"'),
        Payload(data=b"\x00\xff", media_type="image/png"),
        Payload(data=b""),
    ],
)
def test_a_payload_comes_back(payload: Payload) -> None:
    message = payload_pb2.Payload()
    scalars.write_payload(message, payload)
    assert scalars.read_payload(payload_pb2.Payload.FromString(message.SerializeToString())) == payload


def test_a_payload_without_a_body_has_none() -> None:
    assert scalars.read_payload(payload_pb2.Payload(media_type="x")) == Payload(media_type="x")


def test_an_optional_number_is_absent_zero_or_more() -> None:
    request = session_service_pb2.StateWrite()
    assert scalars.read_optional_count(request, "expected_version") is None
    request.expected_version = 0
    assert scalars.read_optional_count(request, "expected_version") == 0
    request.expected_version = -1
    with pytest.raises(InvalidField) as refusal:
        scalars.read_optional_count(request, "expected_version", "writes[2].")
    assert refusal.value.field == "writes[2].expected_version"
