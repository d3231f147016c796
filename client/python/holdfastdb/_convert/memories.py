"""Between the contract's messages and the client's dataclasses: memories."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from holdfastdb._convert.sessions import to_time
from holdfastdb._convert.values import build, from_struct, from_timestamp, to_struct, to_timestamp
from holdfastdb.types.memories import Memory
from holdfastdb.v1 import memory_service_pb2 as pb


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
        last_use_time=to_time(message.last_use_time, message.HasField("last_use_time")),
        create_time=from_timestamp(message.create_time),
        update_time=from_timestamp(message.update_time),
    )


def to_filter(
    tool_name: str,
    agent_id: str,
    user_id: str,
    session_id: str,
    min_confidence: float,
    labels: Mapping[str, str] | None,
    metadata: Mapping[str, object] | None,
    create_time_from: datetime | None,
    create_time_until: datetime | None,
) -> pb.MemoryFilter:
    return build(
        "",
        pb.MemoryFilter,
        tool_name=tool_name,
        agent_id=agent_id,
        user_id=user_id,
        session_id=session_id,
        min_confidence=min_confidence,
        labels=labels,
        metadata=to_struct(metadata),
        create_time_from=to_timestamp(create_time_from, "create_time_from"),
        create_time_until=to_timestamp(create_time_until, "create_time_until"),
    )
