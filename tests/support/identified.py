"""Every write that takes a request id, and what it is done to."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from holdfastdb_server.domain.approvals import ApprovalStatus, Decision
from holdfastdb_server.domain.documents.document import DocumentPut, Sync
from holdfastdb_server.domain.documents.filters import DocumentFilter
from holdfastdb_server.domain.events import Replacement
from holdfastdb_server.domain.memories import MemoryChange, MemoryFields, MemoryFilter, MemorySearch
from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.domain.plans.changes import ItemChange, PlanChange
from holdfastdb_server.domain.plans.items import ItemFields
from holdfastdb_server.domain.plans.plan import PlanFields
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.runs.run import RunChange, RunEnd, RunStatus
from holdfastdb_server.domain.search import check_query
from holdfastdb_server.domain.sessions import SessionChange, SessionFields, SessionStatus, Transition
from holdfastdb_server.domain.states import StateFilter, StatePatch
from holdfastdb_server.domain.tasks.moves import Claim, Release, TaskChange, TaskTransition
from holdfastdb_server.domain.tasks.task import TaskFields, TaskStatus
from tests.support.approvals import ask
from tests.support.content import EVERYTHING, append, create, note, save, write
from tests.support.documents import draft, put
from tests.support.memories import keep
from tests.support.plans import create_plan, item
from tests.support.runs import start
from tests.support.tasks import add, lease

_ALL = PageRequest(1_000)
_MADE_UP = re.compile(r"datetime\.datetime\([^)]*\)+|'[0-9a-f-]{32,36}'")
"""Times, and ids of the storage's own, in what `repr` writes."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A namespace with one of each thing, all with the id `name`; and a leased task, `{name}-leased`."""

    store: Store
    namespace: str
    name: str
    token: str

    @classmethod
    async def made(cls, store: Store, namespace: str, name: str = "one") -> Tenant:
        """Fill an empty namespace."""
        await create(store, name, namespace=namespace)
        await append(store, note("e1"), session_id=name, namespace=namespace)
        await save(store, write(name, "{}"), session_id=name, namespace=namespace)
        await start(store, name, namespace=namespace)
        await ask(store, name, namespace=namespace)
        await add(store, f"{name}-leased", namespace=namespace)
        held = await lease(store, f"{name}-leased", namespace=namespace)
        await add(store, name, namespace=namespace)
        await create_plan(store, name, item("i"), namespace=namespace)
        await keep(store, name, f"lesson of {name}", namespace=namespace)
        await put(store, draft(name), namespace=namespace)
        return cls(store, namespace, name, held.token)

    async def seen(self) -> str:
        """Return all that there is, without the times and the names that the storage makes up."""
        store, where, name = self.store, self.namespace, self.name
        documents = await store.documents.list(where, DocumentFilter(), _ALL)
        found = [
            await store.sessions.get(where, name),
            (await store.events.list(where, name, EVERYTHING, _ALL)).items,
            (await store.states.list(where, name, StateFilter(all_versions=True), _ALL)).items,
            await store.runs.get(where, name),
            await store.approvals.get(where, name),
            await store.tasks.get(where, name),
            await store.tasks.get(where, f"{name}-leased"),
            await store.plans.get(where, name),
            await store.memories.get(where, name),
            documents.items,
        ]
        return _MADE_UP.sub("...", repr(found))


Call = Callable[[Tenant, str], Awaitable[Any]]


def _update_session(tenant: Tenant, request_id: str) -> Awaitable[Any]:
    change = SessionChange(SessionFields(title=tenant.name), frozenset({"title"}))
    return tenant.store.sessions.update(tenant.namespace, tenant.name, change, None, request_id)


def _transition_session(tenant: Tenant, request_id: str) -> Awaitable[Any]:
    move = Transition(SessionStatus.ACTIVE, tenant.name)
    return tenant.store.sessions.transition(tenant.namespace, tenant.name, move, None, request_id)


def _save(tenant: Tenant, request_id: str) -> Awaitable[Any]:
    writes = [write(tenant.name, "1")]
    return tenant.store.states.save(tenant.namespace, tenant.name, writes, request_id)


def _patch(tenant: Tenant, request_id: str) -> Awaitable[Any]:
    patch = StatePatch(tenant.name, '{"a": 1}')
    return tenant.store.states.patch(tenant.namespace, tenant.name, patch, request_id)


def _replace(tenant: Tenant, request_id: str) -> Awaitable[Any]:
    replacement = Replacement(events=(note(f"new-{tenant.name}"),), newest=1)
    return tenant.store.events.replace(tenant.namespace, tenant.name, replacement, None, request_id)


def _update_run(tenant: Tenant, request_id: str) -> Awaitable[Any]:
    change = RunChange(is_running=True).checked()
    return tenant.store.runs.update(tenant.namespace, tenant.name, change, None, request_id)


def _finish_run(tenant: Tenant, request_id: str) -> Awaitable[Any]:
    end = RunEnd(RunStatus.COMPLETED).checked()
    return tenant.store.runs.finish(tenant.namespace, tenant.name, end, None, request_id)


def _decide(tenant: Tenant, request_id: str) -> Awaitable[Any]:
    decision = Decision(ApprovalStatus.APPROVED, "ada")
    return tenant.store.approvals.decide(tenant.namespace, tenant.name, decision, request_id)


def _update_task(tenant: Tenant, request_id: str) -> Awaitable[Any]:
    change = TaskChange(TaskFields(phase=tenant.name), frozenset({"phase"})).checked()
    return tenant.store.tasks.update(tenant.namespace, tenant.name, change, None, request_id)


def _transition_task(tenant: Tenant, request_id: str) -> Awaitable[Any]:
    move = TaskTransition(TaskStatus.CANCELLED).checked()
    return tenant.store.tasks.transition(tenant.namespace, tenant.name, move, None, request_id)


def _claim(tenant: Tenant, request_id: str) -> Awaitable[Any]:
    return tenant.store.tasks.claim(tenant.namespace, Claim("w").checked(), timedelta(), request_id)


def _release(tenant: Tenant, request_id: str) -> Awaitable[Any]:
    release, task_id = Release(tenant.token).checked(), f"{tenant.name}-leased"
    return tenant.store.tasks.release(tenant.namespace, task_id, release, request_id)


def _update_plan(tenant: Tenant, request_id: str) -> Awaitable[Any]:
    change = PlanChange(PlanFields(title=tenant.name), frozenset({"title"})).checked()
    return tenant.store.plans.update(tenant.namespace, tenant.name, change, None, request_id)


def _update_item(tenant: Tenant, request_id: str) -> Awaitable[Any]:
    change = ItemChange("i", ItemFields(tenant.name), frozenset({"description"})).checked()
    return tenant.store.plans.update_item(tenant.namespace, tenant.name, change, None, request_id)


def _search_memories(tenant: Tenant, request_id: str) -> Awaitable[Any]:
    search = MemorySearch(check_query("query", "lesson"), False, MemoryFilter(), count_use=True)
    return tenant.store.memories.search(tenant.namespace, search, _ALL, request_id)


def _update_memory(tenant: Tenant, request_id: str) -> Awaitable[Any]:
    change = MemoryChange(MemoryFields(context=tenant.name), frozenset({"context"})).checked()
    return tenant.store.memories.update(tenant.namespace, tenant.name, change, None, request_id)


def _put(tenant: Tenant, request_id: str) -> Awaitable[Any]:
    wanted = DocumentPut(draft(tenant.name, f'"{tenant.name}"')).checked()
    return tenant.store.documents.put(tenant.namespace, wanted, request_id)


def _sync(tenant: Tenant, request_id: str) -> Awaitable[Any]:
    drafts = [draft(f"{tenant.name}-synced", f'"{tenant.name}"')]
    return tenant.store.documents.sync(tenant.namespace, Sync("c", drafts).checked(), request_id)


WRITES: dict[str, Call] = {
    "sessions.update": _update_session,
    "sessions.transition": _transition_session,
    "states.save": _save,
    "states.patch": _patch,
    "events.replace": _replace,
    "runs.update": _update_run,
    "runs.finish": _finish_run,
    "approvals.decide": _decide,
    "tasks.update": _update_task,
    "tasks.transition": _transition_task,
    "tasks.claim": _claim,
    "tasks.release": _release,
    "plans.update": _update_plan,
    "plans.update_item": _update_item,
    "memories.search": _search_memories,
    "memories.update": _update_memory,
    "documents.put": _put,
    "documents.sync": _sync,
}
"""By the names of the store's methods.

Each does what the next call without a request id would do again, or be refused. All say it with the tenant's
name, so that they are other requests for a tenant of another name.
"""
