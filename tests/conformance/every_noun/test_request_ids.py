"""A request id belongs to its namespace, in every method that takes one."""

from __future__ import annotations

import inspect
from typing import get_type_hints

import pytest

from holdfastdb_server.domain.ports import Store
from holdfastdb_server.storage.store import SqlStore
from tests.support.identified import WRITES, Tenant


@pytest.mark.parametrize("method", WRITES)
async def test_two_tenants_may_use_the_same_id(store: SqlStore, method: str) -> None:
    call = WRITES[method]
    here, there = await Tenant.made(store, "here", "one"), await Tenant.made(store, "there", "two")
    untouched = await there.seen()
    first = await call(here, "r")
    assert await there.seen() == untouched
    changed = await here.seen()
    second = await call(there, "r")
    changed_there = await there.seen()
    assert changed_there != untouched
    assert await call(here, "r") == first
    assert await call(there, "r") == second
    assert (await here.seen(), await there.seen()) == (changed, changed_there)


def test_no_method_that_takes_one_is_left_out() -> None:
    ports = inspect.getmembers(Store, lambda member: isinstance(member, property))
    taking = {
        f"{name}.{method}"
        for name, port in ports
        for method, function in inspect.getmembers(get_type_hints(port.fget)["return"], inspect.isfunction)
        if "request_id" in inspect.signature(function).parameters
    }
    assert taking == set(WRITES)
