"""What becomes of work that meets rows of another transaction."""

from __future__ import annotations

import pytest

from holdfastdb_server.storage.idempotency.request_ids import Conflict
from holdfastdb_server.storage.store import SqlStore
from holdfastdb_server.storage.write_path.transaction import Transaction


async def test_work_is_run_again_in_a_new_transaction(store: SqlStore) -> None:
    transactions: list[Transaction] = []

    async def work(transaction: Transaction) -> int:
        transactions.append(transaction)
        if len(transactions) < 3:
            raise Conflict
        return len(transactions)

    assert await store.sessions._writer.run(work) == 3
    assert len({id(transaction) for transaction in transactions}) == 3


async def test_a_conflict_that_does_not_end_is_raised(store: SqlStore) -> None:
    """Rather than that the call never returns."""

    async def work(transaction: Transaction) -> None:
        raise Conflict

    with pytest.raises(Conflict):
        await store.sessions._writer.run(work)
