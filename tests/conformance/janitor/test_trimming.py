"""The janitor's job that trims states: each state once, a few in a batch."""

from __future__ import annotations

import pytest

from holdfastdb_server.domain.limits import Policy
from holdfastdb_server.storage.janitor import retention
from holdfastdb_server.storage.janitor.job import JobResult
from holdfastdb_server.storage.schema import states
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import create, load_json, save, write
from tests.support.stores import OpenStore

VERSIONS = {("a", "k2"): 3, ("a", "k1"): 3, ("b", "k3"): 3, ("b", "k1"): 3, ("b", "k2"): 1}
"""How many versions of each key of two sessions there are. They are not written in the order of the keys."""


async def trim(store: SqlStore, limit: int) -> JobResult:
    (job,) = (job for job in store.janitor._jobs if job.counts == "versions_deleted")
    return await job.run_batch(limit)


@pytest.fixture
async def store(open_store: OpenStore, monkeypatch: pytest.MonkeyPatch) -> SqlStore:
    """A store that keeps one version, where a former one has kept more. It checks two states in a batch."""
    monkeypatch.setattr(retention, "_STATES_CHECKED", 2)
    former = await open_store()
    for session_id in ("a", "b"):
        await create(former, session_id)
    for (session_id, key), count in VERSIONS.items():
        for version in range(1, count + 1):
            await save(former, write(key, str(version)), session_id=session_id)
    await former.close()
    return await open_store(policy=Policy(state_versions_kept=1))


async def test_a_batch_deletes_as_many_versions_as_it_may_of_the_next_states(store: SqlStore) -> None:
    batches = [await trim(store, 3)]
    while batches[-1].may_be_more and len(batches) < 10:
        batches.append(await trim(store, 3))
    assert [batch.count for batch in batches] == [3, 1, 2, 2, 0]
    for (session_id, key), count in VERSIONS.items():
        assert await load_json(store, key, session_id=session_id) == str(count)


async def test_a_state_is_checked_once(store: SqlStore) -> None:
    assert await trim(store, 10) == JobResult(4, may_be_more=True)
    later = states.update().values(version=9)  # all versions but the ninth are surplus now
    await store._database.write(lambda connection: connection.execute(later))
    assert await trim(store, 10) == JobResult(4, may_be_more=True)
    assert await trim(store, 10) == JobResult(3, may_be_more=True)
    assert await trim(store, 10) == JobResult(0)
    assert await trim(store, 10) == JobResult(0)
