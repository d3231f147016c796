"""Sessions: an agent's conversation or piece of work, and its life cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from holdfastdb_server.domain import limits
from holdfastdb_server.domain.changes import changed_fields
from holdfastdb_server.domain.errors import InvalidField, TransitionNotAllowed
from holdfastdb_server.domain.fingerprint import fingerprint_of
from holdfastdb_server.domain.ids import check_id, check_optional_id, check_optional_ids
from holdfastdb_server.domain.values import (
    JsonObject,
    JsonScalar,
    check_filter,
    check_not_negative,
    check_searchable,
    check_text,
    check_ttl,
)


class SessionStatus(StrEnum):
    """The status of a session."""

    PENDING = "pending"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """Whether the life cycle allows no change from it."""
        return not TRANSITIONS[self]


TRANSITIONS: Mapping[SessionStatus, frozenset[SessionStatus]] = {
    SessionStatus.PENDING: frozenset({SessionStatus.ACTIVE, SessionStatus.EXPIRED}),
    SessionStatus.ACTIVE: frozenset({SessionStatus.COMPLETED, SessionStatus.FAILED, SessionStatus.EXPIRED}),
    SessionStatus.COMPLETED: frozenset(),
    SessionStatus.FAILED: frozenset(),
    SessionStatus.EXPIRED: frozenset(),
}

Retention = timedelta | Literal["never"] | None
"""How long after its last activity a session expires; None: the server's default."""


class SessionFields(Struct, frozen=True):
    """The fields of a session that the caller sets."""

    user_id: str = ""
    agent_id: str = ""
    task_id: str = ""
    title: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: JsonObject = field(default_factory=dict)
    retention: Retention = None

    def checked(self) -> SessionFields:
        """Return the fields, checked and normalized. Raises InvalidField."""
        check_optional_ids("session.", self, ("user_id", "agent_id", "task_id"))
        check_text("session.title", self.title, limits.TITLE_LENGTH)
        if isinstance(self.retention, timedelta):
            check_ttl("session.retention", self.retention)
        return check_searchable("session.", self)


class Session(Struct, frozen=True):
    """A session as it is stored. Times are aware, in UTC."""

    session_id: str
    parent_session_id: str
    fields: SessionFields
    status: SessionStatus
    status_reason: str
    version: int
    last_sequence: int
    fork_sequence: int | None
    create_time: datetime
    update_time: datetime
    last_activity_time: datetime
    end_time: datetime | None

    def expire_time(self, default_retention: timedelta) -> datetime | None:
        """When the session expires unless there is activity before; None: never."""
        retention = self.fields.retention or default_retention
        if self.status.is_final or retention == "never":
            return None
        return self.last_activity_time + retention


class SessionDraft(Struct, frozen=True):
    """A session to create. `session_id` is set: the caller's, or a new one."""

    session_id: str
    parent_session_id: str = ""
    fields: SessionFields = SessionFields()

    def checked(self) -> SessionDraft:
        """Return the draft, checked and normalized. Raises InvalidField."""
        check_id("session.session_id", self.session_id)
        check_optional_id("session.parent_session_id", self.parent_session_id)
        return replace(self, fields=self.fields.checked())

    def fingerprint(self) -> bytes:
        """Return the fingerprint of the draft without its id."""
        return fingerprint_of(self.parent_session_id, self.fields)


class ForkDraft(Struct, frozen=True):
    """A copy of a session to make, up to and including `sequence`; None: all of it."""

    session_id: str
    sequence: int | None = None
    title: str = ""

    def checked(self) -> ForkDraft:
        """Return the draft, checked and normalized. Raises InvalidField."""
        check_id("new_session_id", self.session_id)
        check_text("title", self.title, limits.TITLE_LENGTH)
        if self.sequence is not None:
            check_not_negative("sequence", self.sequence)
        return self

    def up_to(self, last_sequence: int) -> int:
        """Return the sequence to copy up to. Raises InvalidField if it is greater than the source's last."""
        if self.sequence is None:
            return last_sequence
        if self.sequence > last_sequence:
            raise InvalidField("sequence", f"is {self.sequence}; the source's last one is {last_sequence}")
        return self.sequence

    def fingerprint(self, source_id: str) -> bytes:
        """Return the fingerprint of this fork of this source."""
        return fingerprint_of("fork session", source_id, self.sequence, self.title)


class SessionChange(Struct, frozen=True):
    """A change of a session's fields.

    `replaced` names the fields to take from `fields` whole. With `merges`, labels and metadata
    are merged (see changed_fields).
    """

    fields: SessionFields
    replaced: frozenset[str] = frozenset()
    merges: bool = False

    def checked(self) -> SessionChange:
        """Return the change, checked and normalized. Raises InvalidField."""
        return replace(self, fields=self.fields.checked())

    def apply(self, current: SessionFields) -> SessionFields:
        """Return the fields after the change. Raises InvalidField if they are out of bounds."""
        return changed_fields(current, self.fields, self.replaced, merges=self.merges).checked()


class Transition(Struct, frozen=True):
    """A change of status, with who makes it and why."""

    status: SessionStatus
    reason: str = ""
    actor: str = ""

    def checked(self) -> Transition:
        """Return the transition, checked and normalized. Raises InvalidField."""
        check_text("reason", self.reason, limits.REASON_LENGTH)
        check_optional_id("actor", self.actor)
        return self

    def check_allowed(self, session_id: str, current: SessionStatus) -> None:
        """Raise TransitionNotAllowed unless the life cycle allows it from the status `current`."""
        if self.status not in TRANSITIONS[current]:
            raise TransitionNotAllowed("session", session_id, current.name, self.status.name)


class SessionFilter(Struct, frozen=True):
    """A condition on sessions: all that is given must match. Times are aware; `…_until` is exclusive."""

    statuses: Sequence[SessionStatus] = ()
    user_id: str = ""
    agent_id: str = ""
    parent_session_id: str = ""
    task_id: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, JsonScalar] = field(default_factory=dict)
    created_from: datetime | None = None
    created_until: datetime | None = None

    def checked(self) -> SessionFilter:
        """Return the filter, checked and normalized. Raises InvalidField."""
        check_optional_ids("", self, ("user_id", "agent_id", "parent_session_id", "task_id"))
        return check_filter("", self)
