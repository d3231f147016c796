"""What `holdfastdb` offers under its own name. It loads with the first of it that is asked for."""

from __future__ import annotations

from holdfastdb._client import AsyncClient, connect
from holdfastdb._resources.leases import AsyncLease
from holdfastdb._resources.tail import AsyncTail
from holdfastdb._sync import Client, Lease, Pager, Tail, connect_sync
from holdfastdb._transport.paging import AsyncPager
from holdfastdb.errors import (
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
from holdfastdb.managers.blocking import StateManager, TodoListManager
from holdfastdb.managers.state_manager import AsyncStateManager
from holdfastdb.managers.todo_list_manager import AsyncTodoListManager, TodoItem, TodoListSummary
from holdfastdb.recorder.buffer import RecorderStats
from holdfastdb.recorder.recorder import Recorder
from holdfastdb.types.approvals import Approval, ApprovalStatus
from holdfastdb.types.documents import Document, DocumentDraft, DocumentKey, DocumentMatch, SyncResult
from holdfastdb.types.events import (
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
from holdfastdb.types.history import AppendResult, EventReceipt, EventSummary, ReplaceResult
from holdfastdb.types.memories import Memory, MemoryMatch
from holdfastdb.types.pages import Page
from holdfastdb.types.payloads import Data, Json, Payload
from holdfastdb.types.plans import (
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
from holdfastdb.types.runs import Run, RunStatus, RunSummary, TokenUsage
from holdfastdb.types.sessions import Session, SessionStatus
from holdfastdb.types.states import State, StateWrite
from holdfastdb.types.tasks import Task, TaskStatus

__all__ = [
    "Aborted",
    "AlreadyExists",
    "AppendResult",
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
    "ReplaceResult",
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
    "SyncResult",
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
    "connect",
    "connect_sync",
]
