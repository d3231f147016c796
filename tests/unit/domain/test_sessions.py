"""Sessions: what is checked and normalized, when they expire, and where forks end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from holdfastdb_server.domain.errors import TransitionNotAllowed
from holdfastdb_server.domain.sessions import (
    TRANSITIONS,
    ForkDraft,
    Session,
    SessionChange,
    SessionDraft,
    SessionFields,
    SessionFilter,
    SessionStatus,
    Transition,
)
from tests.support.refusals import refused
from tests.support.sameness import same

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_session_expires_after_its_own_retention_or_the_default() -> None:
    times: dict[str, Any] = {"create_time": NOON - HOUR, "update_time": NOON - HOUR, "end_time": None}
    session = Session(
        "s", "", SessionFields(), SessionStatus.ACTIVE, "", 1, 0, None, last_activity_time=NOON, **times
    )
    assert session.expire_time(2 * HOUR) == NOON + 2 * HOUR
    assert replace(session, fields=SessionFields(retention=HOUR)).expire_time(2 * HOUR) == NOON + HOUR
    assert replace(session, fields=SessionFields(retention="never")).expire_time(HOUR) is None
    for status in SessionStatus:
        is_final = status in (SessionStatus.COMPLETED, SessionStatus.FAILED, SessionStatus.EXPIRED)
        assert status.is_final is is_final
        assert (replace(session, status=status).expire_time(HOUR) is None) is is_final


@pytest.mark.parametrize("current", SessionStatus)
@pytest.mark.parametrize("wanted", SessionStatus)
def test_a_session_s_status_follows_its_life_cycle(current: SessionStatus, wanted: SessionStatus) -> None:
    transition = Transition(wanted, "why", "me").checked()
    if wanted in TRANSITIONS[current]:
        transition.check_allowed("s", current)
        return
    with pytest.raises(TransitionNotAllowed):
        transition.check_allowed("s", current)


def test_sessions_are_checked_and_normalized() -> None:
    fields = SessionFields(title="t", metadata={"n": 1.0}, retention=HOUR)
    normal = replace(fields, metadata={"n": 1})
    assert same(SessionDraft("s", fields=fields).checked(), SessionDraft("s", fields=normal))
    assert same(SessionChange(fields).checked(), SessionChange(normal, frozenset(), merges=False))
    assert SessionFields(retention="never").checked().retention == "never"
    refused("session.session_id", SessionDraft("").checked)
    refused("session.parent_session_id", SessionDraft("s", "\0").checked)
    refused("session.retention", SessionFields(retention=timedelta()).checked)
    old = SessionFields(labels={"k": "v"}, metadata={"n": 1})
    new = SessionFields("u", labels={"l": "w"}, metadata={"m": 2})
    assert SessionChange(new).apply(old) == old
    both = {"labels": {"k": "v", "l": "w"}, "metadata": {"n": 1, "m": 2}}
    assert SessionChange(new, merges=True).apply(old) == replace(old, **both)
    full = SessionFields(labels={f"k{number}": "v" for number in range(64)})
    refused("session.labels", SessionChange(new, merges=True).apply, full)
    where = SessionFilter([SessionStatus.ACTIVE], metadata={"n": 1.0})
    assert same(where.checked(), replace(where, metadata={"n": 1}))


def test_a_fork_is_up_to_a_sequence_of_its_source() -> None:
    assert ForkDraft("f").checked().up_to(5) == 5
    for sequence in (0, 4, 5):
        assert ForkDraft("f", sequence).checked().up_to(5) == sequence
    refused("sequence", ForkDraft("f", 6).up_to, 5)
    refused("sequence", ForkDraft("f", -1).checked)
    refused("new_session_id", ForkDraft("").checked)
    refused("title", ForkDraft("f", title="\0").checked)
