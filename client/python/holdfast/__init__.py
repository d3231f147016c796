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

from holdfast.client import AsyncClient, connect
from holdfast.errors import (
    Aborted,
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    FieldViolation,
    HoldfastError,
    Internal,
    InvalidArgument,
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
from holdfast.paging import AsyncPager, Page
from holdfast.payload import Data, Json, Payload
from holdfast.sync import Client, Pager, Tail, connect_sync
from holdfast.tail import AsyncTail
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
    "AsyncClient",
    "AsyncPager",
    "AsyncTail",
    "Blob",
    "Body",
    "Client",
    "Data",
    "DeadlineExceeded",
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
    "Message",
    "NotFound",
    "OtherPart",
    "Page",
    "Pager",
    "Part",
    "Payload",
    "PermissionDenied",
    "Reason",
    "Replaced",
    "ResourceExhausted",
    "SequenceMismatch",
    "Session",
    "SessionStatus",
    "State",
    "StateWrite",
    "Step",
    "Tail",
    "Text",
    "ToolCall",
    "ToolCallResponse",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
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
