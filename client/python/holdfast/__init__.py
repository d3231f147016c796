"""Holdfast: durable memory for AI agents.

    import holdfast

    async with holdfast.connect() as client:
        session = await client.sessions.create(user_id="u-1")
        await client.history.append(session.session_id, holdfast.Event.message("user", "Hello"))
        await client.states.save(session.session_id, {"step": 1})

`connect_sync` gives the same client without `await`. `holdfast.errors` draws the tree of errors. The
generated stubs are in `holdfast.v1`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.approval_types import Approval, ApprovalStatus
from holdfast.client import AsyncClient, connect
from holdfast.document_types import Document, DocumentDraft, DocumentKey, DocumentMatch, Synced
from holdfast.errors import (
    Aborted,
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    FieldViolation,
    HoldfastError,
    Internal,
    InvalidArgument,
    LeaseNotHeld,
    NotFound,
    PermissionDenied,
    Reason,
    ResourceExhausted,
    SequenceMismatch,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    VersionMismatch,
)
from holdfast.events import (
    Blob,
    Body,
    Event,
    EventKind,
    Message,
    OtherPart,
    Part,
    Step,
    Text,
    ToolCall,
    ToolCallResponse,
)
from holdfast.leases import AsyncLease
from holdfast.memory_types import Memory, MemoryMatch
from holdfast.paging import AsyncPager, Page
from holdfast.payload import Data, Json, Payload
from holdfast.plan_types import (
    MoveItem,
    NewPlanItem,
    Plan,
    PlanEdit,
    PlanItem,
    PlanItemStatus,
    PlanProgress,
    PlanStatus,
    PutItem,
    RemoveItem,
    UpdatedItem,
)
from holdfast.record_buffer import RecorderStats
from holdfast.recorder import Recorder
from holdfast.run_types import Run, RunStatus, RunSummary, TokenUsage
from holdfast.state_manager import AsyncStateManager
from holdfast.sync import Client, Lease, Pager, Tail, connect_sync
from holdfast.sync_managers import StateManager, TodoListManager
from holdfast.tail import AsyncTail
from holdfast.task_types import Task, TaskStatus
from holdfast.todo_list_manager import AsyncTodoListManager, TodoItem, TodoListSummary
from holdfast.types import (
    Appended,
    EventReceipt,
    EventSummary,
    Replaced,
    Session,
    SessionStatus,
    State,
    StateWrite,
)

__all__ = [
    "Aborted",
    "AlreadyExists",
    "Appended",
    "Approval",
    "ApprovalStatus",
    "AsyncClient",
    "AsyncLease",
    "AsyncPager",
    "AsyncStateManager",
    "AsyncTail",
    "AsyncTodoListManager",
    "Blob",
    "Body",
    "Client",
    "Data",
    "DeadlineExceeded",
    "Document",
    "DocumentDraft",
    "DocumentKey",
    "DocumentMatch",
    "Event",
    "EventKind",
    "EventReceipt",
    "EventSummary",
    "FailedPrecondition",
    "FieldViolation",
    "HoldfastError",
    "Internal",
    "InvalidArgument",
    "Json",
    "Lease",
    "LeaseNotHeld",
    "Memory",
    "MemoryMatch",
    "Message",
    "MoveItem",
    "NewPlanItem",
    "NotFound",
    "OtherPart",
    "Page",
    "Pager",
    "Part",
    "Payload",
    "PermissionDenied",
    "Plan",
    "PlanEdit",
    "PlanItem",
    "PlanItemStatus",
    "PlanProgress",
    "PlanStatus",
    "PutItem",
    "Reason",
    "Recorder",
    "RecorderStats",
    "RemoveItem",
    "Replaced",
    "ResourceExhausted",
    "Run",
    "RunStatus",
    "RunSummary",
    "SequenceMismatch",
    "Session",
    "SessionStatus",
    "State",
    "StateManager",
    "StateWrite",
    "Step",
    "Synced",
    "Tail",
    "Task",
    "TaskStatus",
    "Text",
    "TodoItem",
    "TodoListManager",
    "TodoListSummary",
    "TokenUsage",
    "ToolCall",
    "ToolCallResponse",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "UpdatedItem",
    "VersionMismatch",
    "__version__",
    "connect",
    "connect_sync",
]

if TYPE_CHECKING:
    __version__: str
else:

    def __getattr__(name: str) -> str:
        # Looked up when asked for: it reads the installed distribution's files, and few ask.
        if name == "__version__":
            from importlib.metadata import version

            return version("holdfast")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
