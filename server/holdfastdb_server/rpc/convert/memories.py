"""Memories between protobuf and domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from holdfastdb.v1 import memory_service_pb2 as pb
from holdfastdb_server.domain.ids import new_id
from holdfastdb_server.domain.memories import (
    Memory,
    MemoryChange,
    MemoryDraft,
    MemoryFields,
    MemoryFilter,
    MemoryMatch,
    MemorySearch,
)
from holdfastdb_server.domain.search import check_query
from holdfastdb_server.domain.values import check_metadata_filter
from holdfastdb_server.rpc.convert.masks import read_mask
from holdfastdb_server.rpc.convert.scalars import read_optional_time, read_struct, write_struct, write_time

ResponseT = TypeVar("ResponseT", pb.CreateMemoryResponse, pb.GetMemoryResponse, pb.UpdateMemoryResponse)

_PATHS = (
    "context",
    "lesson",
    "tool_name",
    "agent_id",
    "user_id",
    "session_id",
    "confidence",
    "labels",
    "metadata",
)


def read_draft(request: pb.CreateMemoryRequest) -> MemoryDraft:
    """Return the memory to keep, with a new id if the caller chose none."""
    memory = request.memory
    return MemoryDraft(memory.memory_id or new_id(), _read_fields(memory)).checked()


def read_change(request: pb.UpdateMemoryRequest) -> MemoryChange:
    """Return the change, by mask or by merging."""
    taken = read_mask(request.update_mask, request.memory, _PATHS)
    return MemoryChange(_read_fields(request.memory), taken.replaced, taken.merges).checked()


def read_filter(where: pb.MemoryFilter) -> MemoryFilter:
    """Return which memories to list or to search among."""
    return MemoryFilter(
        tool_name=where.tool_name,
        agent_id=where.agent_id,
        user_id=where.user_id,
        session_id=where.session_id,
        min_confidence=where.min_confidence,
        labels=dict(where.labels),
        metadata=check_metadata_filter("filter.metadata", read_struct("filter.metadata", where.metadata)),
        created_from=read_optional_time(where, "create_time_from", "filter."),
        created_until=read_optional_time(where, "create_time_until", "filter."),
    ).checked()


def read_search(request: pb.SearchMemoriesRequest) -> MemorySearch:
    """Return what to search for."""
    return MemorySearch(
        words=check_query("query", request.query),
        match_all=request.match_all,
        where=read_filter(request.filter),
        count_use=request.count_use,
    )


def write_memory(response: ResponseT, memory: Memory) -> ResponseT:
    """Return the response with its memory."""
    _write_memory(response.memory, memory)
    return response


def write_memories(memories: Sequence[Memory]) -> pb.ListMemoriesResponse:
    """Return a list of memories."""
    response = pb.ListMemoriesResponse()
    for memory in memories:
        _write_memory(response.memories.add(), memory)
    return response


def write_matches(matches: Sequence[MemoryMatch]) -> pb.SearchMemoriesResponse:
    """Return the memories that were found."""
    response = pb.SearchMemoriesResponse()
    for match in matches:
        target = response.matches.add()
        target.score = match.score
        _write_memory(target.memory, match.memory)
    return response


def _read_fields(memory: pb.Memory) -> MemoryFields:
    return MemoryFields(
        context=memory.context,
        lesson=memory.lesson,
        tool_name=memory.tool_name,
        agent_id=memory.agent_id,
        user_id=memory.user_id,
        session_id=memory.session_id,
        confidence=memory.confidence if memory.HasField("confidence") else 1.0,
        labels=dict(memory.labels),
        metadata=read_struct("memory.metadata", memory.metadata),
    )


def _write_memory(target: pb.Memory, memory: Memory) -> None:
    fields = memory.fields
    target.memory_id = memory.memory_id
    target.context = fields.context
    target.lesson = fields.lesson
    target.tool_name = fields.tool_name
    target.agent_id = fields.agent_id
    target.user_id = fields.user_id
    target.session_id = fields.session_id
    target.confidence = fields.confidence
    if fields.labels:
        target.labels.update(fields.labels)
    if fields.metadata:
        write_struct(target.metadata, fields.metadata)
    target.version = memory.version
    target.use_count = memory.use_count
    if memory.last_use_time is not None:
        write_time(target.last_use_time, memory.last_use_time)
    write_time(target.create_time, memory.create_time)
    write_time(target.update_time, memory.update_time)
