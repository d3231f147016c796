"""What calls take and return: frozen dataclasses, enums, and TypedDicts of conditions.

Times are timezone-aware datetimes in UTC, to the microsecond; durations are timedeltas.
"""

from holdfastdb.types.approvals import Approval, ApprovalStatus
from holdfastdb.types.documents import (
    Document,
    DocumentDraft,
    DocumentFilter,
    DocumentKey,
    DocumentMatch,
    SyncResult,
)
from holdfastdb.types.events import (
    Blob,
    Body,
    Event,
    EventFields,
    EventKind,
    Message,
    OtherPart,
    Part,
    Step,
    Text,
    ToolCall,
    ToolCallResponse,
    Unsendable,
)
from holdfastdb.types.history import (
    AppendResult,
    EventFilter,
    EventGrouping,
    EventReceipt,
    EventSummary,
    ReplaceResult,
)
from holdfastdb.types.memories import Memory, MemoryFilter, MemoryMatch
from holdfastdb.types.pages import Order, Page
from holdfastdb.types.payloads import Data, HasPayload, Json, Payload
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
from holdfastdb.types.runs import Run, RunFilter, RunGrouping, RunStatus, RunSummary, TokenUsage
from holdfastdb.types.sessions import Retention, Session, SessionStatus
from holdfastdb.types.states import State, StateWrite
from holdfastdb.types.tasks import Task, TaskFilter, TaskStatus

__all__ = [
    "AppendResult", "Approval", "ApprovalStatus", "Blob", "Body", "Data", "Document", "DocumentDraft",
    "DocumentFilter", "DocumentKey", "DocumentMatch", "Event", "EventFields", "EventFilter",
    "EventGrouping", "EventKind", "EventReceipt", "EventSummary", "HasPayload", "Json", "Memory",
    "MemoryFilter", "MemoryMatch", "Message", "MoveItem", "NewPlanItem", "Order", "OtherPart", "Page",
    "Part", "Payload", "Plan", "PlanEdit", "PlanItem", "PlanItemStatus", "PlanProgress", "PlanStatus",
    "PutItem", "RemoveItem", "ReplaceResult", "Retention", "Run", "RunFilter", "RunGrouping", "RunStatus",
    "RunSummary", "Session", "SessionStatus", "State", "StateWrite", "Step", "SyncResult", "Task",
    "TaskFilter", "TaskStatus", "Text", "TokenUsage", "ToolCall", "ToolCallResponse", "Unsendable",
    "UpdatedItem",
]  # fmt: skip
