"""The manager of to-do lists, with the six methods that agent frameworks call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, TypeAlias, TypeVar

from holdfastdb._arguments import of_wrong_type, refused, require, require_list, require_text
from holdfastdb._client import AsyncClient
from holdfastdb.errors import NotFound
from holdfastdb.types.plans import (
    NewPlanItem,
    Plan,
    PlanEdit,
    PlanItem,
    PlanItemStatus,
    PlanProgress,
    PlanStatus,
    UpdatedItem,
)

StatusT = TypeVar("StatusT", PlanStatus, PlanItemStatus)

TodoItem: TypeAlias = NewPlanItem | PlanItem | Mapping[str, Any] | str
"""An item: a NewPlanItem, one that was loaded, its description alone, or a mapping with `description` and,
where wanted, `id`, `acceptance_criteria`, `dependencies`, `status`, `result` and `metadata`."""
_KEYS = frozenset(
    {"description", "id", "acceptance_criteria", "dependencies", "status", "result", "metadata"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TodoListSummary:
    """The progress of a to-do list."""

    todo_list_id: str
    session_id: str
    title: str
    status: PlanStatus
    progress: PlanProgress
    in_progress: Sequence[PlanItem]
    """What is being done."""
    ready: Sequence[PlanItem]
    """What can be taken up next."""

    def __str__(self) -> str:
        it = self.progress
        parts = [f"{it.completed} of {it.total} items done"]
        others = (("skipped", it.skipped), ("failed", it.failed), ("in progress", it.in_progress))
        parts += [f"{number} {name}" for name, number in others if number]
        if self.ready:
            parts.append(f"next: {self.ready[0].description}")
        return "; ".join(parts)


class AsyncTodoListManager:
    """Keeps to-do lists:

        manager = holdfastdb.AsyncTodoListManager(client)
        todo = await manager.create_todo_list(
            "s-1", ["Read the code", {"description": "Fix the bug", "dependencies": ["1"]}]
        )
        await manager.update_item(todo.plan_id, "1", status="completed", result="found it")

    An item without an id gets the number of its place in the list as one, or the next that is free. They are
    plans: `client.plans` has all that can be done with them.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._plans = require(client, AsyncClient, "client", "an AsyncClient").plans

    async def create_todo_list(
        self,
        session_id: str,
        items: Iterable[TodoItem],
        *,
        todo_list_id: str | None = None,
        title: str = "",
        status: PlanStatus | str = PlanStatus.PENDING,
    ) -> Plan:
        """Create a to-do list of a session; an empty `session_id` is none.

        Raises NotFound, AlreadyExists, FailedPrecondition if items depend on themselves.
        """
        return await self._plans.create(
            _items(items),
            plan_id=None if todo_list_id is None else require_text(todo_list_id, "todo_list_id"),
            session_id=session_id,
            title=title,
            status=_status(PlanStatus, status),
        )

    async def load_todo_list(self, todo_list_id: str) -> Plan | None:
        """The to-do list with its items, or None."""
        try:
            return await self._plans.get(require_text(todo_list_id, "todo_list_id"))
        except NotFound:
            return None

    async def update_item(
        self,
        todo_list_id: str,
        item_id: str,
        *,
        status: PlanItemStatus | str | None = None,
        result: object = None,
        description: str | None = None,
        acceptance_criteria: Iterable[str] | None = None,
        dependencies: Iterable[str | int] | None = None,
        actor: str = "",
        expected_version: int | None = None,
    ) -> UpdatedItem:
        """Change the fields of one item that are given. Concurrent changes of other items do not conflict.

        `expected_version` is the item's. Raises NotFound, VersionMismatch, FailedPrecondition if items depend
        on themselves.
        """
        return await self._plans.update_item(
            require_text(todo_list_id, "todo_list_id"),
            item_id,
            status=None if status is None else _status(PlanItemStatus, status),
            result=result,
            description=description,
            acceptance_criteria=acceptance_criteria,
            depends_on=None if dependencies is None else _ids(dependencies, "dependencies"),
            actor=actor,
            expected_version=expected_version,
        )

    async def modify_plan(
        self,
        todo_list_id: str,
        items: Iterable[TodoItem] | None = None,
        *,
        edits: Iterable[PlanEdit] = (),
        title: str | None = None,
        status: PlanStatus | str | None = None,
        actor: str = "",
        expected_version: int | None = None,
    ) -> Plan:
        """Change the list: all `items` at once, or some by `edits` (PutItem, RemoveItem, MoveItem) in order.

        Items that stay the same keep their versions. `expected_version` is the list's. Raises NotFound, also
        for an item, VersionMismatch, FailedPrecondition if items depend on themselves.
        """
        return await self._plans.update(
            require_text(todo_list_id, "todo_list_id"),
            items=None if items is None else _items(items),
            edits=edits,
            title=title,
            status=None if status is None else _status(PlanStatus, status),
            replace=True,
            actor=actor,
            expected_version=expected_version,
        )

    async def delete_todo_list(self, todo_list_id: str) -> bool:
        """Delete the list with its items. Whether it existed."""
        try:
            await self._plans.delete(require_text(todo_list_id, "todo_list_id"))
        except NotFound:
            return False
        return True

    async def get_summary(self, todo_list_id: str) -> TodoListSummary:
        """The progress of the list; `str(summary)` is one line. Raises NotFound."""
        plan = await self._plans.get(require_text(todo_list_id, "todo_list_id"))
        return TodoListSummary(
            todo_list_id=plan.plan_id,
            session_id=plan.session_id,
            title=plan.title,
            status=plan.status,
            progress=plan.progress,
            in_progress=[item for item in plan.items if item.status is PlanItemStatus.IN_PROGRESS],
            ready=[item for item in plan.items if item.ready],
        )


def _items(items: Iterable[TodoItem]) -> list[NewPlanItem]:
    made = [_item(item, f"items[{index}]") for index, item in enumerate(require_list(items, "items"))]
    taken = {item.item_id for item in made}
    for index, item in enumerate(made):
        if not item.item_id:
            number = next(n for n in count(index + 1) if str(n) not in taken)
            taken.add(str(number))
            made[index] = replace(item, item_id=str(number))
    return made


def _item(item: TodoItem, path: str) -> NewPlanItem:
    match item:
        case NewPlanItem():
            return item
        case str():
            return NewPlanItem(item)
        case PlanItem():
            return NewPlanItem(
                item.description,
                item_id=item.item_id,
                acceptance_criteria=item.acceptance_criteria,
                depends_on=item.depends_on,
                status=item.status,
                result=item.result,
                metadata=item.metadata,
            )
        case Mapping():
            return _described_item(item, path)
        case _:
            raise of_wrong_type(path, "a NewPlanItem, a PlanItem, a text or a mapping", item)


def _described_item(item: Mapping[str, Any], path: str) -> NewPlanItem:
    unknown = sorted(str(key) for key in item.keys() - _KEYS)
    if unknown:
        raise refused(f"{path}.{unknown[0]}", f"is not known; an item has {', '.join(sorted(_KEYS))}")
    return NewPlanItem(
        item.get("description", ""),
        item_id=str(item.get("id") or ""),
        acceptance_criteria=item.get("acceptance_criteria") or (),
        depends_on=_ids(item.get("dependencies") or (), f"{path}.dependencies"),
        status=_status(PlanItemStatus, item.get("status") or PlanItemStatus.PENDING, f"{path}.status"),
        result=item.get("result"),
        metadata=item.get("metadata"),
    )


def _ids(ids: Iterable[str | int], path: str) -> list[str]:
    """The ids as texts; a framework may have them as numbers."""
    return [str(one) for one in require_list(ids, path)]


def _status(kind: type[StatusT], word: str, path: str = "status") -> StatusT:
    known = [status for status in kind if status is not kind.UNRECOGNIZED]
    if word not in known:
        raise refused(path, f"{word!r} is not one of {', '.join(known)}")
    return kind(word)
