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
from holdfastdb_server.rpc.convert.fields import read_fields, write_fields
from holdfastdb_server.rpc.convert.masks import read_mask
from holdfastdb_server.rpc.convert.scalars import read_optional_time

ResponseT = TypeVar("ResponseT", pb.CreateMemoryResponse, pb.GetMemoryResponse, pb.UpdateMemoryResponse)


def read_draft(request: pb.CreateMemoryRequest) -> MemoryDraft:
    """Return the memory to create, with a new id if the request has none."""
    memory = request.memory
    return MemoryDraft(memory.memory_id or new_id(), _read_fields(memory)).checked()


def read_change(request: pb.UpdateMemoryRequest) -> MemoryChange:
    """Return the change, by the update mask or by merging."""
    mask = read_mask(request.update_mask, request.memory, MemoryFields.__struct_fields__)
    return MemoryChange(_read_fields(request.memory), *mask).checked()


def read_filter(where: pb.MemoryFilter) -> MemoryFilter:
    """Return the condition on memories in the field `filter` of a request."""
    return read_fields(
        where,
        MemoryFilter,
        "filter.",
        created_from=read_optional_time(where, "create_time_from", "filter."),
        created_until=read_optional_time(where, "create_time_until", "filter."),
    ).checked()


def read_search(request: pb.SearchMemoriesRequest) -> MemorySearch:
    """Return the search."""
    words = check_query("query", request.query)
    return read_fields(request, MemorySearch, words=words, where=read_filter(request.filter))


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
    """Return a list of memories with their scores."""
    response = pb.SearchMemoriesResponse()
    for match in matches:
        target = response.matches.add()
        target.score = match.score
        _write_memory(target.memory, match.memory)
    return response


def _read_fields(memory: pb.Memory) -> MemoryFields:
    confidence = memory.confidence if memory.HasField("confidence") else 1.0
    return read_fields(memory, MemoryFields, "memory.", confidence=confidence)


def _write_memory(target: pb.Memory, memory: Memory) -> None:
    write_fields(target, memory)
    write_fields(target, memory.fields)
