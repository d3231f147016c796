"""Sessions between protobuf and domain."""

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

from holdfastdb.v1 import session_service_pb2 as pb
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.sessions import Retention, Session, SessionFields, SessionStatus
from holdfastdb_server.rpc.convert import sessions

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WEEK = timedelta(days=7)


def _struct(value: dict[str, Any]) -> Struct:
    return ParseDict(value, Struct())


def _not_a_number() -> Struct:
    struct = Struct()
    struct.fields["n"].number_value = float("nan")
    return struct


def a_session(status: SessionStatus = SessionStatus.PENDING, retention: Retention = None) -> Session:
    fields = SessionFields("ann", "coder", "t-1", "Title", {"k": "v"}, {"n": 3}, retention)
    end = NOON if status.is_final else None
    return Session("s-1", "p-1", fields, status, "why", 2, 5, 4, NOON, NOON, NOON, end)


def test_a_session_has_all_of_its_fields() -> None:
    written = sessions.write_session(pb.GetSessionResponse(), a_session(), WEEK).session
    assert written == pb.Session(
        session_id="s-1",
        parent_session_id="p-1",
        status=pb.SESSION_STATUS_PENDING,
        status_reason="why",
        user_id="ann",
        agent_id="coder",
        task_id="t-1",
        title="Title",
        labels={"k": "v"},
        metadata=_struct({"n": 3}),
        version=2,
        last_sequence=5,
        fork_sequence=4,
        create_time=_time(NOON),
        update_time=_time(NOON),
        last_activity_time=_time(NOON),
        expire_time=_time(NOON + WEEK),
    )


@pytest.mark.parametrize("status", SessionStatus)
def test_each_status_has_its_number(status: SessionStatus) -> None:
    written = sessions.write_session(pb.GetSessionResponse(), a_session(status), WEEK).session
    assert pb.SessionStatus.Name(written.status) == f"SESSION_STATUS_{status.name}"
    assert written.HasField("end_time") == status.is_final
    assert written.HasField("expire_time") != status.is_final


def test_a_retention_of_its_own_counts_instead_of_the_default() -> None:
    session = a_session(retention=timedelta(seconds=90))
    written = sessions.write_session(pb.GetSessionResponse(), session, WEEK).session
    assert written.retention.seconds == 90
    assert written.expire_time.ToDatetime(UTC) == NOON + timedelta(seconds=90)


def test_a_session_that_never_expires_says_so() -> None:
    written = sessions.write_session(pb.GetSessionResponse(), a_session(retention="never"), WEEK).session
    assert written.never_expires
    assert not written.HasField("expire_time")


def test_a_draft_ignores_what_is_output_only() -> None:
    request = pb.CreateSessionRequest(session=pb.Session(session_id="s", version=9, last_sequence=9))
    assert sessions.read_draft(request) == sessions.read_draft(
        pb.CreateSessionRequest(session=pb.Session(session_id="s"))
    )


def test_a_draft_without_an_id_gets_one() -> None:
    assert UUID(sessions.read_draft(pb.CreateSessionRequest()).session_id).version == 7


def test_never_expires_false_is_the_same_as_not_set() -> None:
    request = pb.CreateSessionRequest(session=pb.Session(session_id="s", never_expires=False))
    assert sessions.read_draft(request).fields.retention is None


@pytest.mark.parametrize(
    ("session", "field"),
    [
        (pb.Session(title="x" * 1001), "session.title"),
        (pb.Session(user_id="a\nb"), "session.user_id"),
        (pb.Session(labels={"": "v"}), "session.labels"),
        (pb.Session(retention=Duration(nanos=1_000)), "session.retention"),
        (pb.Session(retention=Duration(seconds=-5)), "session.retention"),
        (pb.Session(metadata=_not_a_number()), "session.metadata.n"),
        (pb.Session(parent_session_id="x" * 256), "session.parent_session_id"),
    ],
)
def test_a_bad_field_is_refused_by_its_name(session: pb.Session, field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        sessions.read_draft(pb.CreateSessionRequest(session=session))
    assert refusal.value.field == field


def test_an_update_without_a_mask_merges() -> None:
    change = sessions.read_change(pb.UpdateSessionRequest(session=pb.Session(title="x", labels={"k": "v"})))
    assert (change.replaced, change.merges) == (frozenset({"title"}), True)
    for session, replaced in (
        (pb.Session(never_expires=True), {"retention"}),
        (pb.Session(never_expires=False), set()),
        (pb.Session(session_id="s", version=3), set()),
    ):
        change = sessions.read_change(pb.UpdateSessionRequest(session=session))
        assert change.replaced == replaced


@pytest.mark.parametrize(
    ("paths", "replaced"),
    [
        (["title", "labels"], frozenset({"title", "labels"})),
        (["retention"], frozenset({"retention"})),
        (["never_expires", "retention"], frozenset({"retention"})),
    ],
)
def test_an_update_with_a_mask_replaces_what_it_lists(paths: list[str], replaced: frozenset[str]) -> None:
    request = pb.UpdateSessionRequest(update_mask=FieldMask(paths=paths))
    assert sessions.read_change(request).replaced == replaced


@pytest.mark.parametrize("path", ["status", "session_id", "*", "metadata.a", ""])
def test_an_unknown_path_in_a_mask_is_refused(path: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        sessions.read_change(pb.UpdateSessionRequest(update_mask=FieldMask(paths=["title", path])))
    assert refusal.value.field == "update_mask"


def test_a_transition_needs_a_status() -> None:
    with pytest.raises(InvalidField) as refusal:
        sessions.read_transition(pb.TransitionSessionRequest())
    assert refusal.value.field == "status"


def test_a_filter_has_all_of_its_conditions() -> None:
    request = pb.ListSessionsRequest(
        statuses=[pb.SESSION_STATUS_ACTIVE, pb.SESSION_STATUS_ACTIVE],
        user_id="ann",
        agent_id="coder",
        parent_session_id="p",
        task_id="t",
        labels={"k": "v"},
        metadata=_struct({"n": 3, "s": "x", "none": None}),
        create_time_from=_time(NOON),
        create_time_until=_time(NOON + WEEK),
    )
    where = sessions.read_filter(request)
    assert where.statuses == (SessionStatus.ACTIVE,)
    assert (where.user_id, where.agent_id, where.parent_session_id, where.task_id) == (
        "ann",
        "coder",
        "p",
        "t",
    )
    assert (where.labels, where.metadata) == ({"k": "v"}, {"n": 3, "s": "x", "none": None})
    assert (where.created_from, where.created_until) == (NOON, NOON + WEEK)


def test_a_filter_can_only_search_metadata_by_scalars() -> None:
    with pytest.raises(InvalidField) as refusal:
        sessions.read_filter(pb.ListSessionsRequest(metadata=_struct({"deep": {"a": 1}})))
    assert refusal.value.field == "metadata.deep"


def _time(time: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp
