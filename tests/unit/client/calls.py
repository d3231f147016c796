"""Every public method that makes a call, what it can be called with, and what is wrong for its arguments."""

from __future__ import annotations

import inspect
import math
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args, get_type_hints

import holdfastdb
from holdfastdb._client import AsyncClient
from holdfastdb._resources.leases import AsyncLease
from holdfastdb._resources.states import AsyncStates
from holdfastdb.types import (
    ApprovalStatus,
    Data,
    DocumentDraft,
    Event,
    Json,
    Message,
    NewPlanItem,
    PutItem,
    RunStatus,
    SessionStatus,
    StateWrite,
    Task,
    TaskStatus,
    Text,
    TokenUsage,
)

_WRONG: Any = object()
_LONE = "\ud800"  # a lone surrogate, which UTF-8 cannot write
_NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001

TEXT = [7, b"bytes", _LONE, ["a"], _WRONG]
JSON = [
    math.nan,
    _LONE,
    _WRONG,
    {1: 2},
    {"a": {1, 2}},
    {"a": [math.inf]},
    Json(_LONE),
    Json(_WRONG),
    Data(_WRONG),
]
LABELS = [7, "text", ["a"], {1: "a"}, {"a": 1}, {"a": _LONE}, {_LONE: "a"}]
METADATA = [7, "text", ["a"], {1: "a"}, {"a": math.nan}, {"a": _WRONG}, {"a": 2**60}]
TEXTS = [7, "text", b"bytes", {"a": 1}, [7], [None], [_LONE]]
ITEMS = [7, {"role": "user"}, [7], [_WRONG], [None]]
NAMES = [7, "pending", ["nothing"], [7], [[]], ["unrecognized"]]
STATUS = [7, "nothing", "unrecognized", [], _WRONG]
SECONDS = ["text", math.nan, _WRONG, True, [1]]
INTEGER = ["text", 1.5, _WRONG, [1], 10**30]
FLAG = ["yes", _WRONG, [], 2**70]
TIME = [7, "yesterday", _NAIVE, datetime.now(UTC).date()]
PERIOD = [7, "text", timedelta.max]
PAIR = [7, "ab", ("a",), ("a", "b", "c"), (1, 2)]
EVENTS = [
    7, "text", {"role": "user"}, [7], [{"role": "user"}], [None], None, Event.of("x", math.nan),
    Event.message("user", _WRONG), Event.message("user", {"a": 1}),
    Event.message("user", "x", extra={"a": _LONE}),
    Event.message("user", "x", extra=_WRONG), Event.message(_WRONG, "x"), Event.message("user", [_WRONG]),
    Event(body=_WRONG), Event(body=Message("user", _WRONG)), Event(body=Message("user", (Text(_WRONG),))),
    Event(type=_WRONG), Event(labels=_WRONG), Event(labels={"a": _WRONG}), Event(event_time=_WRONG),
    Event(event_id=_WRONG), Event.step(thought=_WRONG), Event(body=Json(_WRONG)), Event(body=Data(_WRONG)),
]  # fmt: skip

WRONG: Mapping[str, Sequence[object]] = {
    "str": [*TEXT, None],
    "str | None": TEXT,
    "object": JSON,
    "bool": [*FLAG, None],
    "int": [*INTEGER, None],
    "int | None": INTEGER,
    "float": [*SECONDS, None],
    "float | None": SECONDS,
    "datetime": TIME,
    "datetime | None": TIME,
    "datetime | Literal['now'] | None": TIME,
    "timedelta": [*PERIOD, None],
    "timedelta | None": PERIOD,
    "Retention | None": [7, "text", timedelta.max, "default"],
    "Retention | Literal['default'] | None": [7, "text", timedelta.max],
    "Order | None": STATUS,
    "Mapping[str, str]": LABELS,
    "Mapping[str, str] | None": LABELS,
    "Mapping[str, object]": METADATA,
    "Mapping[str, object] | None": METADATA,
    "Mapping[str, object] | Json": [7, "text", ["a"], {1: 2}, {"a": math.nan}, Json(_LONE)],
    "Mapping[str, Any]": [7, "text", ["a"], {1: 2}, {"a": math.nan}, {"status": "nothing"}],
    "Mapping[str, object] | Iterable[StateWrite]": [
        7,
        "text",
        [7],
        [{"key": 1}],
        {"a": math.nan},
        {1: 1},
        [StateWrite(_WRONG, 1)],
        [StateWrite("a", _WRONG)],
        [StateWrite("a", 1, metadata=_WRONG)],
        [StateWrite("a", 1, expected_version=_WRONG)],
    ],
    "Iterable[str]": TEXTS,
    "Iterable[str] | None": TEXTS,
    "str | Iterable[str] | None": [7, b"bytes", {"a": 1}, [7], [_LONE]],
    "Iterable[str | int] | None": [7, "text", b"bytes", {"a": 1}],
    "Iterable[EventKind]": NAMES,
    "Iterable[EventGrouping]": NAMES,
    "Iterable[RunGrouping]": NAMES,
    "Iterable[SessionStatus]": NAMES,
    "Iterable[PlanStatus]": NAMES,
    "Iterable[RunStatus]": NAMES,
    "Iterable[TaskStatus]": NAMES,
    "Iterable[ApprovalStatus]": NAMES,
    "SessionStatus": [*STATUS, None],
    "ApprovalStatus": [*STATUS, None],
    "RunStatus": [*STATUS, None],
    "RunStatus | None": STATUS,
    "TaskStatus": [*STATUS, None],
    "PlanStatus": [*STATUS, None],
    "PlanStatus | None": STATUS,
    "PlanStatus | str": [*STATUS, None],
    "PlanStatus | str | None": STATUS,
    "PlanItemStatus | None": STATUS,
    "PlanItemStatus | str | None": STATUS,
    "Iterable[NewPlanItem | str]": [*ITEMS, [NewPlanItem(_WRONG)], [NewPlanItem("a", depends_on="b")]],
    "Iterable[NewPlanItem | str] | None": [*ITEMS, [NewPlanItem("a", result=_WRONG)]],
    "Iterable[TodoItem]": [*ITEMS, [{"what": 1}], [{"description": 7}], [{"description": "a", "status": 7}]],
    "Iterable[TodoItem] | None": [*ITEMS, [{"description": "a", "dependencies": 7}]],
    "Iterable[PlanEdit]": [*ITEMS, ["text"], [PutItem(_WRONG)], [PutItem("a", _WRONG)]],
    "Event | Iterable[Event]": EVENTS,
    "TokenUsage | None": [7, {"input_tokens": 1}, TokenUsage(input_tokens=_WRONG)],
    "DocumentDraft | None": [7, {"a": 1}, DocumentDraft(_WRONG), DocumentDraft(1, parent=_WRONG)],
    "tuple[str, str] | None": PAIR,
    "str | os.PathLike[str]": [7, None, b"bytes", _WRONG, _LONE, "\0"],
}
"""What an argument does not take, by its annotation."""
WRONG_FOR: Mapping[str, Sequence[object]] = {
    # Documents, and conditions on them: more than metadata can hold.
    "content": [7, "text", ["a"], {1: 1}, {"/a": math.nan}, {"/a": {"$like": 1}}, {"/a": {"$gt": _WRONG}}],
    "documents": [7, "text", ["a"], {1: 1}, {"a": math.nan}, {"a": DocumentDraft(1, labels=_WRONG)}],
}
"""The same for some arguments by their names."""

TASK = Task(
    task_id="t-1", session_id="", kind="k", status=TaskStatus.RUNNING, phase="", from_role="", to_role="",
    payload=None, result=None, error="", idempotency_key="", dedupe_key="", priority=0, run_after_time=None,
    max_attempts=1, labels={}, metadata={}, trace_id="", version=1, attempts=1, worker_id="w",
    lease_expire_time=None, create_time=datetime.now(UTC), update_time=datetime.now(UTC), start_time=None,
    end_time=None,
)  # fmt: skip

_STATUSES = {
    "AsyncApprovals": ApprovalStatus.APPROVED,
    "AsyncRuns": RunStatus.COMPLETED,
    "AsyncSessions": SessionStatus.ACTIVE,
    "AsyncTasks": TaskStatus.RUNNING,
}
# What a call needs at least, by the name of the argument; for any other that it needs, a text.
_NEEDED: Mapping[str, object] = {
    "after_sequence": 1,
    "directory": Path(__file__).parent,
    "documents": {"a": 1},
    "events": Event(type="x"),
    "items": ["a"],
    "merge_patch": {"a": 1},
    "state": {"a": 1},
    "writes": {"a": 1},
}


@dataclass(frozen=True)
class Method:
    """A public method: its arguments with their annotations, and those that it needs with values."""

    owner: type
    name: str
    annotations: Mapping[str, str]
    needed: Mapping[str, object]

    def __str__(self) -> str:
        return f"{self.owner.__name__}.{self.name}"

    async def call(self, client: AsyncClient, arguments: Mapping[str, object]) -> object:
        """Call it, also with what it needs; of a list or a stream, take the first."""
        method: Callable[..., Any] = getattr(self._object(client), self.name)
        result = method(**{**self.needed, **arguments})
        if inspect.isawaitable(result):
            return await result
        if isinstance(result, holdfastdb.AsyncPager):
            return await result.page()
        assert isinstance(result, AsyncIterator)
        return await anext(result)

    def _object(self, client: AsyncClient) -> object:
        if self.owner is AsyncLease:
            return AsyncLease(client._connection, TASK, "token", timedelta(minutes=1), 0.0)
        mine = [value for value in vars(client).values() if type(value) is self.owner]
        return mine[0] if mine else self.owner(client)


def every_method() -> Iterator[Method]:
    """All that make a call."""
    nouns = get_type_hints(AsyncClient).values()
    for owner in (*nouns, holdfastdb.AsyncStateManager, holdfastdb.AsyncTodoListManager, AsyncLease):
        for name, function in inspect.getmembers(owner, inspect.isfunction):
            # `keep` and `finish` are the halves of `async with`, and take nothing of the caller's.
            if not name.startswith("_") and name not in ("keep", "finish"):
                yield _method(owner, name, function)


def _method(owner: type, name: str, function: Callable[..., object]) -> Method:
    annotations: dict[str, str] = {}
    # One selection of keys is needed, whichever.
    needed: dict[str, object] = {"every_key": True} if (owner, name) == (AsyncStates, "delete") else {}
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        if parameter.kind is parameter.VAR_KEYWORD:
            [conditions] = get_args(get_type_hints(function)[parameter.name])
            annotations |= {key: ref.__forward_arg__ for key, ref in conditions.__annotations__.items()}
            continue
        annotations[parameter.name] = parameter.annotation.replace('"', "'")
        if parameter.default is parameter.empty:
            default = _STATUSES.get(owner.__name__) if parameter.name == "status" else "x"
            needed[parameter.name] = _NEEDED.get(parameter.name, default)
    return Method(owner, name, annotations, needed)
