"""Requests with one bad value, made from the descriptors of the protos: a new field is tried unlisted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from google.protobuf import duration_pb2, json_format, struct_pb2, timestamp_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from holdfastdb.v1 import (
    approval_service_pb2,
    document_service_pb2,
    history_service_pb2,
    memory_service_pb2,
    plan_service_pb2,
    run_service_pb2,
    session_service_pb2,
    task_service_pb2,
)

_FILES = (
    approval_service_pb2,
    document_service_pb2,
    history_service_pb2,
    memory_service_pb2,
    plan_service_pb2,
    run_service_pb2,
    session_service_pb2,
    task_service_pb2,
)
METHODS: dict[str, MethodDescriptor] = {
    method.name: method
    for file in _FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
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
    "Payload": _JSON,
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

_NUL = "a\0b"
_BAD_VALUES: dict[int, str | int] = {FieldDescriptor.TYPE_STRING: _NUL, FieldDescriptor.TYPE_ENUM: 99}
_BAD_MESSAGES: dict[str, Message] = {
    "google.protobuf.Duration": duration_pb2.Duration(seconds=1, nanos=-1),
    "google.protobuf.Struct": struct_pb2.Struct(fields={_NUL: struct_pb2.Value(bool_value=True)}),
    "google.protobuf.Timestamp": timestamp_pb2.Timestamp(nanos=-1),
}
_Spoil = Callable[[Any], None]


def bad_requests(method: MethodDescriptor) -> Iterator[tuple[str, Message]]:
    """Yield requests of an RPC, each with one bad value, and the path of the field that has it.

    A text has NUL in it, an enum a number without a name, a time or a duration impossible nanoseconds, an
    object a name with NUL.
    """
    for path, spoil in _spoils(method.input_type):
        request = GetMessageClass(method.input_type)()
        _fill(request)
        spoil(request)
        yield path, request


def _fill(message: Message) -> None:
    json_format.ParseDict(_REQUIRED.get(message.DESCRIPTOR.name, {}), message)


def _spoils(message: Descriptor) -> Iterator[tuple[str, _Spoil]]:
    """Yield the path of each field below a message, and what gives it a bad value."""
    for field in message.fields:
        bad = _BAD_VALUES.get(field.type)
        if bad is not None:
            yield f"{field.name}[0]" if field.is_repeated else field.name, partial(_set, field, bad)
        elif field.message_type is None:
            continue
        elif field.message_type.GetOptions().map_entry:
            yield f"{field.name} key", partial(_set_member, field, _NUL, "v")
            yield f"{field.name}['k']", partial(_set_member, field, "k", _NUL)
        elif (bad_message := _BAD_MESSAGES.get(field.message_type.full_name)) is not None:
            yield field.name, partial(_copy, field, bad_message)
        elif field.message_type.file.package == message.file.package:
            name = f"{field.name}[0]" if field.is_repeated else field.name
            for path, spoil in _spoils(field.message_type):
                yield f"{name}.{path}", partial(_spoil_child, field, spoil)


def _set(field: FieldDescriptor, value: str | int, parent: Any) -> None:
    if field.is_repeated:
        parent.ClearField(field.name)
        getattr(parent, field.name).append(value)
    else:
        setattr(parent, field.name, value)


def _set_member(field: FieldDescriptor, name: str, value: str, parent: Any) -> None:
    getattr(parent, field.name)[name] = value


def _copy(field: FieldDescriptor, message: Message, parent: Any) -> None:
    getattr(parent, field.name).CopyFrom(message)


def _spoil_child(field: FieldDescriptor, spoil: _Spoil, parent: Any) -> None:
    child = getattr(parent, field.name)
    if field.is_repeated:
        is_new = not child
        child = child.add() if is_new else child[0]
    else:
        is_new = not parent.HasField(field.name)
        child.SetInParent()
    if is_new:
        _fill(child)
    spoil(child)
