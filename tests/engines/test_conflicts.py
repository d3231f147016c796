"""What becomes of work that meets rows of another transaction."""

from __future__ import annotations

import pytest

from holdfastdb_server.domain.errors import RequestIdTaken, SessionNotFound
from holdfastdb_server.storage.idempotency.request_ids import Conflict, RequestName
from holdfastdb_server.storage.store import SqlStore
from holdfastdb_server.storage.write_path import writer
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
    attempts = 0

    async def work(transaction: Transaction) -> None:
        nonlocal attempts
        attempts += 1
        raise Conflict

    with pytest.raises(Conflict):
        await store.sessions._writer.run(work)
    assert attempts == writer._ATTEMPTS


REQUEST = RequestName("tenant", "r")


async def carry_out(store: SqlStore, fingerprint: bytes = b"content") -> None:
    """Commit a request to no session."""

    async def work(transaction: Transaction) -> None:
        assert await transaction.requests.reserve(REQUEST, fingerprint) is None
        transaction.requests.complete(REQUEST, "1")

    await store.sessions._writer.run(work)


@pytest.mark.parametrize("completes", [False, True])
async def test_an_error_is_no_answer_to_a_request_that_another_has_carried_out(
    store: SqlStore, completes: bool
) -> None:
    await carry_out(store)
    attempts = 0

    async def work(transaction: Transaction) -> str:
        nonlocal attempts
        attempts += 1
        # The first attempt looked before the other has committed.
        looks = attempts > 1
        reserve = transaction.requests.reserve_known
        known = (
            await transaction.requests.reserve(REQUEST, b"content") if looks else reserve(REQUEST, b"content")
        )
        if known is not None:
            return known
        if completes:
            transaction.requests.complete(REQUEST, "2")
        raise SessionNotFound("s")

    assert await store.sessions._writer.run(work) == "1"
    assert attempts == 2


async def test_an_error_is_the_answer_to_a_request_that_nobody_has_carried_out(store: SqlStore) -> None:
    """And it is not remembered."""

    async def work(transaction: Transaction) -> None:
        await transaction.requests.reserve(REQUEST, b"content")
        raise SessionNotFound("s")

    with pytest.raises(SessionNotFound):
        await store.sessions._writer.run(work)
    await carry_out(store)


async def test_a_request_is_answered_in_the_transaction_that_has_carried_it_out(store: SqlStore) -> None:
    async def work(transaction: Transaction) -> str | None:
        assert transaction.requests.reserve_known(REQUEST, b"content") is None
        transaction.requests.complete(REQUEST, "1")
        with pytest.raises(RequestIdTaken):
            transaction.requests.reserve_known(REQUEST, b"other")
        return transaction.requests.reserve_known(REQUEST, b"content")

    assert await store.sessions._writer.run(work) == "1"


async def test_a_request_without_an_id_is_carried_out_each_time(store: SqlStore) -> None:
    nameless = RequestName("tenant", "")

    async def work(transaction: Transaction) -> None:
        for _ in range(2):
            assert await transaction.requests.reserve(nameless, b"content") is None
            transaction.requests.complete(nameless, "1")

    await store.sessions._writer.run(work)
    await store.sessions._writer.run(work)
