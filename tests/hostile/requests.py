"""Requests with a value in one place, made from the descriptors of the protos, so that none is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from google.protobuf import descriptor_pool, json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from holdfastdb_server.app import SERVICES

_POOL = descriptor_pool.Default()
METHODS: dict[str, MethodDescriptor] = {
    method.name: method for name in SERVICES for method in _POOL.FindServiceByName(name).methods
}
"""The RPCs by name."""

_JSON = {"json": "1"}
_DOCUMENT_KEY = {"collection": "c", "document_id": "d"}
_DOCUMENT = {**_DOCUMENT_KEY, "content": _JSON}
_PARENT_KEY = {"collection": "c", "document_id": "p"}
_PARENT = {**_PARENT_KEY, "content": _JSON}
_APPEND = {"session_id": "s", "events": [{"type": "t"}]}
_WRITE = {"key": "k", "payload": _JSON}
_REQUIRED: dict[str, dict[str, Any]] = {
    # Messages inside requests.
    "Blob": {"media_type": "a/b", "data": "AA=="},
    "ContentFilter": {"pointer": "/a", "operator": "CONTENT_OPERATOR_EQUAL", "value_json": "1"},
    "Document": _DOCUMENT,
    "DocumentKey": _DOCUMENT_KEY,
    "Event": {"type": "t"},
    "Message": {"role": "user", "parts": [{"text": "x"}]},
    "Part": {"text": "x"},
    "Payload": _JSON,
    "PlanEdit": {"put": {"item_id": "i", "description": "d"}},
    "PlanItem": {"item_id": "i", "description": "d"},
    "StateWrite": _WRITE,
    "Task": {"kind": "k"},
    "ToolCall": {"name": "n"},
    # Requests.
    "AppendEventsRequest": _APPEND,
    "BatchAppendEventsRequest": {"requests": [_APPEND]},
    "CancelApprovalRequest": {"approval_id": "a"},
    "ClaimTaskRequest": {"worker_id": "w"},
    "CreateMemoryRequest": {"memory": {"lesson": "l"}},
    "CreatePlanRequest": {"plan": {}},
    "CreateSessionRequest": {"session": {}},
    "CreateTaskRequest": {"task": {"kind": "k"}},
    "DecideApprovalRequest": {"approval_id": "a", "status": "APPROVAL_STATUS_APPROVED", "decided_by": "b"},
    "DeleteDocumentRequest": _DOCUMENT_KEY,
    "DeleteMemoryRequest": {"memory_id": "m"},
    "DeletePlanRequest": {"plan_id": "p"},
    "DeleteSessionRequest": {"session_id": "s"},
    "DeleteStatesRequest": {"session_id": "s", "all": True},
    "DeleteTaskRequest": {"task_id": "t"},
    "ExtendLeaseRequest": {"task_id": "t", "lease_token": "k", "lease_duration": "1s"},
    "FinishRunRequest": {"run_id": "r", "status": "RUN_STATUS_COMPLETED"},
    "ForkSessionRequest": {"session_id": "s"},
    "GetApprovalRequest": {"approval_id": "a"},
    "GetDocumentRequest": _DOCUMENT_KEY,
    "GetMemoryRequest": {"memory_id": "m"},
    "GetPlanRequest": {"plan_id": "p"},
    "GetRunRequest": {"run_id": "r"},
    "GetSessionRequest": {"session_id": "s"},
    "GetTaskRequest": {"task_id": "t"},
    "ListDocumentsRequest": {"collection": "c"},
    "ListEventsRequest": {"session_id": "s"},
    "ListStatesRequest": {"session_id": "s"},
    "LoadStateRequest": {"session_id": "s", "key": "k"},
    "PatchStateRequest": {"session_id": "s", "key": "k", "merge_patch": "{}"},
    "PutDocumentRequest": {"document": {**_DOCUMENT, "parent": _PARENT_KEY}, "missing_parent": _PARENT},
    "ReleaseTaskRequest": {"task_id": "t", "lease_token": "k"},
    "ReplaceEventsRequest": {"session_id": "s", "all": True},
    "RequestApprovalRequest": {"approval": {"title": "t"}},
    "SaveStateRequest": {"session_id": "s", "writes": [_WRITE]},
    "SearchMemoriesRequest": {"query": "q"},
    "StartRunRequest": {"run": {}},
    "SummarizeEventsRequest": {"session_id": "s", "group_by": ["EVENT_GROUPING_TYPE"]},
    "SummarizeRunsRequest": {"group_by": ["RUN_GROUPING_KIND"]},
    "SyncDocumentsRequest": {"collection": "c"},
    "TailEventsRequest": {"session_id": "s"},
    "TransitionSessionRequest": {"session_id": "s", "status": "SESSION_STATUS_ACTIVE"},
    "TransitionTaskRequest": {"task_id": "t", "status": "TASK_STATUS_CANCELLED"},
    "UpdateMemoryRequest": {"memory": {"memory_id": "m"}},
    "UpdatePlanItemRequest": {"plan_id": "p", "item": {"item_id": "i"}},
    "UpdatePlanRequest": {"plan": {"plan_id": "p"}},
    "UpdateRunRequest": {"run": {"run_id": "r"}},
    "UpdateSessionRequest": {"session": {"session_id": "s"}},
    "UpdateTaskRequest": {"task": {"task_id": "t"}},
    "WaitApprovalRequest": {"approval_id": "a"},
}
"""What each message needs to be accepted. Its values are in the JSON form, its names those of the protos."""

_UNIQUE = {"document_id", "event_id", "item_id", "key"}
"""What no two messages in a list may have in common."""


@dataclass(frozen=True, slots=True)
class Place:
    """A field somewhere in the requests of an RPC. `kind` is a type of FieldDescriptor, or a message's name.

    Of a field that is repeated or a map it is one element: a key or a value.
    """

    method: MethodDescriptor
    path: str
    kind: int | str
    put: Callable[[Any, Any], None]

    def request(self, value: Any) -> Message:
        """Return a request that has the value there, and what is required elsewhere."""
        request = GetMessageClass(self.method.input_type)()
        _fill(request)
        self.put(request, value)
        return request


def places(method: MethodDescriptor) -> Iterator[Place]:
    """Yield all places of a text, an enum, or a message of Google's."""
    for path, kind, put in _places(method.input_type):
        yield Place(method, path, kind, put)


def lists(method: MethodDescriptor) -> Iterator[Place]:
    """Yield the places of all repeated fields and maps. Their value is a number of elements."""
    for path, kind, put in _lists(method.input_type):
        yield Place(method, path, kind, put)


def _fill(message: Message) -> None:
    json_format.ParseDict(_REQUIRED.get(message.DESCRIPTOR.name, {}), message)


def _places(message: Descriptor) -> Iterator[tuple[str, int | str, Callable[[Any, Any], None]]]:
    for field in message.fields:
        name = f"{field.name}[0]" if field.is_repeated else field.name
        if field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_ENUM):
            yield name, field.type, partial(_put_value, field)
        elif field.message_type is None:
            continue
        elif field.message_type.GetOptions().map_entry:
            yield f"{field.name} key", FieldDescriptor.TYPE_STRING, partial(_put_key, field)
            yield f"{field.name}['k']", FieldDescriptor.TYPE_STRING, partial(_put_member, field)
        elif field.message_type.file.package == message.file.package:
            for path, kind, put in _places(field.message_type):
                yield f"{name}.{path}", kind, partial(_put_inside, field, put)
        else:
            yield name, field.message_type.name, partial(_put_message, field)


def _lists(message: Descriptor) -> Iterator[tuple[str, int | str, Callable[[Any, Any], None]]]:
    for field in message.fields:
        if field.is_repeated:
            yield field.name, field.type, partial(_put_elements, field)
        if (inner := field.message_type) is None or inner.file.package != message.file.package:
            continue
        if not inner.GetOptions().map_entry:
            name = f"{field.name}[0]" if field.is_repeated else field.name
            for path, kind, put in _lists(inner):
                yield f"{name}.{path}", kind, partial(_put_inside, field, put)


def _put_value(field: FieldDescriptor, parent: Any, value: Any) -> None:
    if field.is_repeated:
        parent.ClearField(field.name)
        getattr(parent, field.name).append(value)
    else:
        setattr(parent, field.name, value)


def _put_key(field: FieldDescriptor, parent: Any, key: str) -> None:
    getattr(parent, field.name)[key] = "v"


def _put_member(field: FieldDescriptor, parent: Any, value: str) -> None:
    getattr(parent, field.name)["k"] = value


def _put_message(field: FieldDescriptor, parent: Any, message: Message) -> None:
    getattr(parent, field.name).CopyFrom(message)


def _put_inside(field: FieldDescriptor, put: Callable[[Any, Any], None], parent: Any, value: Any) -> None:
    child = getattr(parent, field.name)
    if field.is_repeated:
        is_new = not child
        child = child.add() if is_new else child[0]
    else:
        is_new = not parent.HasField(field.name)
        child.SetInParent()
    if is_new:
        _fill(child)
    put(child, value)


def _put_elements(field: FieldDescriptor, parent: Any, count: int) -> None:
    parent.ClearField(field.name)
    elements = getattr(parent, field.name)
    if field.type == FieldDescriptor.TYPE_STRING:
        elements.extend(f"x{number}" for number in range(count))
    elif field.type == FieldDescriptor.TYPE_ENUM:
        elements.extend([1] * count)
    elif field.message_type is not None and field.message_type.GetOptions().map_entry:
        elements.update({f"x{number}": "v" for number in range(count)})
    else:
        for number in range(count):
            element = elements.add()
            _fill(element)
            for name in _UNIQUE.intersection(element.DESCRIPTOR.fields_by_name.keys()):
                setattr(element, name, f"x{number}")
