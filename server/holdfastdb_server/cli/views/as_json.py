"""What is kept as JSON for scripts, with the names of the contract.

Bytes are base64, times RFC 3339.
"""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any

from holdfastdb import (
    Approval,
    Blob,
    Data,
    Document,
    DocumentMatch,
    Event,
    Json,
    Memory,
    MemoryMatch,
    Message,
    OtherPart,
    Part,
    Payload,
    Plan,
    PlanItem,
    PlanProgress,
    Run,
    RunSummary,
    Session,
    Step,
    SyncResult,
    Task,
    Text,
    TokenUsage,
    ToolCall,
    ToolCallResponse,
)
from holdfastdb_server.cli.transcripts.lines import plain_numbers


def dump(value: object) -> str:
    """One line of JSON."""
    return json.dumps(value, ensure_ascii=False)


def session(it: Session) -> dict[str, Any]:
    """A session with all its fields."""
    retention = it.retention if isinstance(it.retention, timedelta) else None
    return {
        "session_id": it.session_id,
        "parent_session_id": it.parent_session_id,
        "status": it.status.value,
        "status_reason": it.status_reason,
        "user_id": it.user_id,
        "agent_id": it.agent_id,
        "task_id": it.task_id,
        "title": it.title,
        "labels": dict(it.labels),
        "metadata": plain_numbers(dict(it.metadata)),
        "retention_seconds": retention.total_seconds() if retention else None,
        "never_expires": it.retention == "never",
        "version": it.version,
        "last_sequence": it.last_sequence,
        "fork_sequence": it.fork_sequence,
        "create_time": _time(it.create_time),
        "update_time": _time(it.update_time),
        "last_activity_time": _time(it.last_activity_time),
        "end_time": _time(it.end_time),
        "expire_time": _time(it.expire_time),
    }


def event(it: Event) -> dict[str, Any]:
    """An event with all its fields and the body that it has."""
    described = {
        "session_id": it.session_id,
        "sequence": it.sequence,
        "event_id": it.event_id,
        "type": it.type,
        "actor": it.actor,
        "run_id": it.run_id,
        "task_id": it.task_id,
        "labels": dict(it.labels),
        "trace_id": it.trace_id,
        "event_time": _time(it.event_time),
        "create_time": _time(it.create_time),
    }
    match it.body:
        case Message() as message:
            described["message"] = {
                "role": message.role,
                "name": message.name,
                "parts": [_part(part) for part in message.parts],
                "finish_reason": message.finish_reason,
                "extra_json": message.extra_json,
            }
        case Step() as step:
            described["step"] = {
                "thought": step.thought,
                "action": step.action,
                "observation": step.observation,
                "step_id": step.step_id,
            }
        case Json() | Data() as payload:
            described["payload"] = _payload(payload)
    return described


def task(it: Task) -> dict[str, Any]:
    """A task with all its fields."""
    return {
        "task_id": it.task_id,
        "session_id": it.session_id,
        "kind": it.kind,
        "status": it.status.value,
        "phase": it.phase,
        "from_role": it.from_role,
        "to_role": it.to_role,
        "payload": None if it.payload is None else _payload(it.payload),
        "result": None if it.result is None else _payload(it.result),
        "error": it.error,
        "idempotency_key": it.idempotency_key,
        "dedupe_key": it.dedupe_key,
        "priority": it.priority,
        "run_after_time": _time(it.run_after_time),
        "max_attempts": it.max_attempts,
        "labels": dict(it.labels),
        "metadata": plain_numbers(dict(it.metadata)),
        "trace_id": it.trace_id,
        "version": it.version,
        "attempts": it.attempts,
        "worker_id": it.worker_id,
        "lease_expire_time": _time(it.lease_expire_time),
        "create_time": _time(it.create_time),
        "update_time": _time(it.update_time),
        "start_time": _time(it.start_time),
        "end_time": _time(it.end_time),
    }


def run(it: Run) -> dict[str, Any]:
    """A run with all its fields."""
    return {
        "run_id": it.run_id,
        "session_id": it.session_id,
        "parent_run_id": it.parent_run_id,
        "task_id": it.task_id,
        "agent_id": it.agent_id,
        "kind": it.kind,
        "status": it.status.value,
        "input": None if it.input is None else _payload(it.input),
        "output": None if it.output is None else _payload(it.output),
        "error": it.error,
        "usage": usage(it.usage),
        "labels": dict(it.labels),
        "metadata": plain_numbers(dict(it.metadata)),
        "trace_id": it.trace_id,
        "start_time": _time(it.start_time),
        "end_time": _time(it.end_time),
        "version": it.version,
        "create_time": _time(it.create_time),
        "update_time": _time(it.update_time),
    }


def run_summary(it: RunSummary) -> dict[str, Any]:
    """The figures of a group of runs."""
    p50, p95 = it.p50_duration, it.p95_duration
    return {
        "agent_id": it.agent_id,
        "kind": it.kind,
        "status": None if it.status is None else it.status.value,
        "bucket_time": _time(it.bucket_time),
        "run_count": it.run_count,
        "completed_count": it.completed_count,
        "failed_count": it.failed_count,
        "cancelled_count": it.cancelled_count,
        "success_rate": it.success_rate,
        "p50_seconds": None if p50 is None else p50.total_seconds(),
        "p95_seconds": None if p95 is None else p95.total_seconds(),
        "usage": usage(it.usage),
    }


def usage(it: TokenUsage) -> dict[str, int]:
    """Tokens, by name."""
    return asdict(it)


def approval(it: Approval) -> dict[str, Any]:
    """An approval with all its fields."""
    return {
        "approval_id": it.approval_id,
        "session_id": it.session_id,
        "task_id": it.task_id,
        "run_id": it.run_id,
        "status": it.status.value,
        "title": it.title,
        "payload": None if it.payload is None else _payload(it.payload),
        "requested_by": it.requested_by,
        "approver": it.approver,
        "labels": dict(it.labels),
        "trace_id": it.trace_id,
        "ttl_seconds": it.ttl.total_seconds() if it.ttl else None,
        "decided_by": it.decided_by,
        "reason": it.reason,
        "response": None if it.response is None else _payload(it.response),
        "create_time": _time(it.create_time),
        "expire_time": _time(it.expire_time),
        "end_time": _time(it.end_time),
    }


def plan(it: Plan) -> dict[str, Any]:
    """A plan with all its fields and items."""
    return {
        "plan_id": it.plan_id,
        "session_id": it.session_id,
        "title": it.title,
        "status": it.status.value,
        "items": [_plan_item(item) for item in it.items],
        "labels": dict(it.labels),
        "metadata": plain_numbers(dict(it.metadata)),
        "version": it.version,
        "progress": _progress(it.progress),
        "create_time": _time(it.create_time),
        "update_time": _time(it.update_time),
    }


def _plan_item(it: PlanItem) -> dict[str, Any]:
    return {
        "item_id": it.item_id,
        "position": it.position,
        "description": it.description,
        "acceptance_criteria": list(it.acceptance_criteria),
        "depends_on": list(it.depends_on),
        "status": it.status.value,
        "result": None if it.result is None else _payload(it.result),
        "metadata": plain_numbers(dict(it.metadata)),
        "version": it.version,
        "ready": it.ready,
        "update_time": _time(it.update_time),
    }


def _progress(it: PlanProgress) -> dict[str, int]:
    return {f"{field.name}_count": getattr(it, field.name) for field in fields(it)}


def memory(it: Memory) -> dict[str, Any]:
    """A memory with all its fields."""
    return {
        "memory_id": it.memory_id,
        "context": it.context,
        "lesson": it.lesson,
        "tool_name": it.tool_name,
        "agent_id": it.agent_id,
        "user_id": it.user_id,
        "session_id": it.session_id,
        "confidence": it.confidence,
        "labels": dict(it.labels),
        "metadata": plain_numbers(dict(it.metadata)),
        "version": it.version,
        "use_count": it.use_count,
        "last_use_time": _time(it.last_use_time),
        "create_time": _time(it.create_time),
        "update_time": _time(it.update_time),
    }


def match(it: MemoryMatch) -> dict[str, Any]:
    """A memory that was found, and its score."""
    return {"memory": memory(it.memory), "score": it.score}


def document(it: Document) -> dict[str, Any]:
    """A document with all its fields, and its content where it was not left out."""
    return {
        "collection": it.collection,
        "document_id": it.document_id,
        "content": None if it.payload is None else _payload(it.payload),
        "parent": None if it.parent is None else it.parent._asdict(),
        "labels": dict(it.labels),
        "metadata": plain_numbers(dict(it.metadata)),
        "ttl_seconds": it.ttl.total_seconds() if it.ttl else None,
        "version": it.version,
        "create_time": _time(it.create_time),
        "update_time": _time(it.update_time),
        "expire_time": _time(it.expire_time),
    }


def document_match(it: DocumentMatch) -> dict[str, Any]:
    """A document that was found."""
    return {"document": document(it.document), "score": it.score}


def synced(collection: str, it: SyncResult) -> dict[str, Any]:
    """What a sync did."""
    return {"collection": collection, **asdict(it)}


def _payload(it: Payload) -> dict[str, Any]:
    match it:
        case Json(text, media_type):
            return {"json": text, "media_type": media_type}
        case Data(value, media_type):
            return {"data": _base64(value), "media_type": media_type}


def _part(part: Part) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"text": text}
        case ToolCall(name, arguments, id):
            return {"tool_call": {"id": id, "name": name, "arguments": arguments}}
        case ToolCallResponse(response, id, name):
            return {"tool_call_response": {"id": id, "name": name, "response": response}}
        case Blob(data, media_type, modality):
            return {"blob": {"media_type": media_type, "modality": modality, "data": _base64(data)}}
        case OtherPart(json_text):
            return {"other_json": json_text}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _time(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat().replace("+00:00", "Z")
