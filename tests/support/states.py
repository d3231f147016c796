"""States for tests."""

from __future__ import annotations

from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import SessionStatus
from holdfastdb_server.domain.states import State, StateFilter, StatePatch
from tests.support.content import NAMESPACE

FINAL = [status for status in SessionStatus if status.is_final]


async def versions(store: Store) -> list[tuple[str, int]]:
    """Return the key and version of all versions of all states of session `s`."""
    page = await store.states.list(NAMESPACE, "s", StateFilter(all_versions=True), PageRequest(1_000))
    return [(state.key, state.version) for state in page.items]


async def patch(store: Store, text: str, *, expected: int | None = None, run_id: str = "") -> State:
    """Patch state `k` of session `s` with a JSON merge patch."""
    return await store.states.patch(NAMESPACE, "s", StatePatch("k", text, run_id, expected).checked())
