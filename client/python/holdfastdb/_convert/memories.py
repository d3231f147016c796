"""Memories."""

from __future__ import annotations

from holdfastdb._arguments import require_known, require_number
from holdfastdb._convert.messages import build, to_labels
from holdfastdb._convert.structs import from_struct, to_struct
from holdfastdb._convert.times import from_optional_timestamp, from_timestamp, to_timestamp
from holdfastdb.types.memories import Memory, MemoryFilter
from holdfastdb.v1 import memory_service_pb2 as pb


def to_memory_filter(conditions: MemoryFilter) -> pb.MemoryFilter:
    require_known(conditions, MemoryFilter)
    return build(
        "filter.",
        pb.MemoryFilter,
        tool_name=conditions.get("tool_name", ""),
        agent_id=conditions.get("agent_id", ""),
        user_id=conditions.get("user_id", ""),
        session_id=conditions.get("session_id", ""),
        min_confidence=require_number(conditions.get("min_confidence", 0.0), "filter.min_confidence"),
        labels=to_labels(conditions.get("labels"), "filter.labels"),
        metadata=to_struct(conditions.get("metadata"), "filter.metadata"),
        create_time_from=to_timestamp(conditions.get("create_time_from"), "filter.create_time_from"),
        create_time_until=to_timestamp(conditions.get("create_time_until"), "filter.create_time_until"),
    )


def from_memory(message: pb.Memory) -> Memory:
    return Memory(
        memory_id=message.memory_id,
        context=message.context,
        lesson=message.lesson,
        tool_name=message.tool_name,
        agent_id=message.agent_id,
        user_id=message.user_id,
        session_id=message.session_id,
        confidence=message.confidence,
        labels=dict(message.labels),
        metadata=from_struct(message.metadata),
        version=message.version,
        use_count=message.use_count,
        last_use_time=from_optional_timestamp(message, "last_use_time"),
        create_time=from_timestamp(message.create_time),
        update_time=from_timestamp(message.update_time),
    )
