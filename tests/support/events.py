"""Lists of events for tests."""

from __future__ import annotations

from holdfastdb_server.domain.events import Event, EventFilter
from holdfastdb_server.domain.ports import Store
from tests.support.content import EVERYTHING, NAMESPACE, Fetch


def lister(
    store: Store, where: EventFilter = EVERYTHING, *, after: int = 0, before: int = 0, session_id: str = "s"
) -> Fetch[Event]:
    """Return what lists a session's events page by page, for `read_all` and `pages`."""
    checked = where.checked()
    return lambda page: store.events.list(NAMESPACE, session_id, checked, page, after, before)
