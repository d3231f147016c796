"""Pages end before they pass PAGE_BYTES whatever it is that makes their items large."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from holdfastdb_server.domain.approvals import ApprovalFilter
from holdfastdb_server.domain.documents.filters import DocumentFilter
from holdfastdb_server.domain.limits import PAGE_BYTES
from holdfastdb_server.domain.memories import MemoryFilter
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.plans.plan import PlanFilter
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.runs.reports import RunFilter
from holdfastdb_server.domain.sessions import SessionFilter
from holdfastdb_server.domain.tasks.task import TaskFilter
from tests.support.approvals import ask
from tests.support.content import EVERYTHING, NAMESPACE, append, create, note
from tests.support.documents import draft, put
from tests.support.memories import keep
from tests.support.plans import create_plan
from tests.support.runs import start
from tests.support.tasks import add

COUNT = 60
ALL = PageRequest(COUNT)
LARGE: dict[str, dict[str, Any]] = {
    "labels": {f"label-{number}": "x" * 1_000 for number in range(60)},
    "metadata": {"m": "x" * 60_000},
}
Make = Callable[[Store, str, dict[str, Any]], Awaitable[Any]]
List = Callable[[Store], Awaitable[Page[Any]]]


async def _append(store: Store, name: str, large: dict[str, Any]) -> None:
    await append(store, note(name, **large))


NOUNS: dict[str, tuple[Make, List]] = {
    "sessions": (
        lambda store, name, large: create(store, name, **large),
        lambda store: store.sessions.list(NAMESPACE, SessionFilter(), ALL),
    ),
    "events": (_append, lambda store: store.events.list(NAMESPACE, "s", EVERYTHING, ALL)),
    "runs": (
        lambda store, name, large: start(store, name, **large),
        lambda store: store.runs.list(NAMESPACE, RunFilter(), ALL),
    ),
    "approvals": (
        lambda store, name, large: ask(store, name, **large),
        lambda store: store.approvals.list(NAMESPACE, ApprovalFilter(), ALL),
    ),
    "tasks": (
        lambda store, name, large: add(store, name, **large),
        lambda store: store.tasks.list(NAMESPACE, TaskFilter(), ALL),
    ),
    "plans": (
        lambda store, name, large: create_plan(store, name, **large),
        lambda store: store.plans.list(NAMESPACE, PlanFilter(), ALL),
    ),
    "memories": (
        lambda store, name, large: keep(store, name, **large),
        lambda store: store.memories.list(NAMESPACE, MemoryFilter(), ALL),
    ),
    "documents": (
        lambda store, name, large: put(store, draft(name, **large)),
        lambda store: store.documents.list(NAMESPACE, DocumentFilter(), ALL),
    ),
}
# Lists that leave payloads out, of which the storage counts the bytes otherwise.
BARE: dict[str, List] = {
    "runs": lambda store: store.runs.list(NAMESPACE, RunFilter(), ALL, omit_payload=True),
    "approvals": lambda store: store.approvals.list(NAMESPACE, ApprovalFilter(omit_payload=True), ALL),
    "tasks": lambda store: store.tasks.list(NAMESPACE, TaskFilter(omit_payload=True), ALL),
    "plans": lambda store: store.plans.list(NAMESPACE, PlanFilter(), ALL, omit_items=True),
}
WITHOUT_METADATA = ("events", "approvals")
CASES = [(noun, "labels") for noun in NOUNS] + [(n, "metadata") for n in NOUNS if n not in WITHOUT_METADATA]


@pytest.mark.parametrize(("noun", "field"), CASES)
async def test_a_page_ends_before_its_labels_or_metadata_pass_the_page_bytes(
    store: Store, noun: str, field: str
) -> None:
    make, list_page = NOUNS[noun]
    large = {field: LARGE[field]}
    each = len(json.dumps(LARGE[field]))
    if noun == "events":
        await create(store)
    for number in range(COUNT):
        await make(store, f"n{number}", large)
    for list_items in (list_page, BARE.get(noun, list_page)):
        page = await list_items(store)
        assert 0 < len(page.items) * each <= PAGE_BYTES
        # It is no shorter than it must be, either.
        assert (len(page.items) + 3) * each > PAGE_BYTES
        assert page.next is not None
