"""Sessions as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from holdfastdb import Session
from holdfastdb_server.cli.views import formatting
from holdfastdb_server.cli.views.tables import Column, Fit, print_list

_COLUMNS: tuple[Column[Session], ...] = (
    Column("Session", lambda one: one.session_id, Fit.ID, style="bold"),
    Column("Status", lambda one: formatting.status(one.status.value)),
    Column("User", lambda one: one.user_id, Fit.ID),
    Column("Agent", lambda one: one.agent_id, Fit.ID),
    Column("Title", lambda one: one.title, Fit.TEXT),
    Column("Latest", lambda one: f"#{one.last_sequence}" if one.last_sequence else "–", right=True),
    Column("Activity", lambda one: formatting.ago(one.last_activity_time), style="dim"),
)
_IMPORTANCE = ("Status", "Activity", "Latest", "User", "Agent", "Title")


def print_sessions(found: Sequence[Session], total: int, is_filtered: bool) -> None:
    """A list of sessions, of which there are `total`."""
    print_list(_COLUMNS, found, importance=_IMPORTANCE, noun="session", total=total, is_filtered=is_filtered)


def print_session(session: Session) -> None:
    """One session with all its fields that are not empty."""
    formatting.print_fields(_fields(session))


def _fields(session: Session) -> Iterator[tuple[str, str | Text]]:
    yield "session", formatting.ident(session.session_id, "bold")
    status = formatting.status(session.status.value)
    if session.status_reason:
        status.append(f"  {formatting.one_line(session.status_reason)}", "dim")
    yield "status", status
    yield "title", session.title
    yield "user", formatting.ident(session.user_id)
    yield "agent", formatting.ident(session.agent_id)
    yield "task", formatting.ident(session.task_id)
    yield "parent", formatting.ident(session.parent_session_id)
    yield "forked at", "" if session.fork_sequence is None else f"event #{session.fork_sequence}"
    yield "labels", formatting.labels(session.labels)
    yield "metadata", formatting.metadata(session.metadata)
    yield "last event", f"#{session.last_sequence}" if session.last_sequence else ""
    yield "version", str(session.version)
    yield "created", formatting.moment(session.create_time)
    yield "updated", formatting.moment(session.update_time)
    yield "last activity", formatting.moment(session.last_activity_time)
    yield "ended", formatting.moment(session.end_time)
    yield "expires", formatting.moment(session.expire_time)
