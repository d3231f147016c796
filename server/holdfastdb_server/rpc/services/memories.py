"""MemoryService: memories and the full-text search for them."""

from __future__ import annotations

from holdfastdb.v1 import memory_service_pb2 as pb
from holdfastdb.v1.memory_service_pb2_grpc import MemoryServiceServicer
from holdfastdb_server.domain.errors import MemoryNotFound
from holdfastdb_server.domain.ids import check_id, check_optional_id
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.rpc.context import Context, namespace
from holdfastdb_server.rpc.convert import memories, paging
from holdfastdb_server.rpc.convert.scalars import read_optional_count, read_precondition
from holdfastdb_server.rpc.services.missing import allowed_missing


class MemoryService(MemoryServiceServicer):
    """Implements the service as its `.proto` file says."""

    def __init__(self, store: Store) -> None:
        self._memories = store.memories

    async def CreateMemory(
        self, request: pb.CreateMemoryRequest, context: Context
    ) -> pb.CreateMemoryResponse:
        memory = await self._memories.create(namespace(), memories.read_draft(request))
        return memories.write_memory(pb.CreateMemoryResponse(), memory)

    async def GetMemory(self, request: pb.GetMemoryRequest, context: Context) -> pb.GetMemoryResponse:
        memory = await self._memories.get(namespace(), check_id("memory_id", request.memory_id))
        return memories.write_memory(pb.GetMemoryResponse(), memory)

    async def ListMemories(
        self, request: pb.ListMemoriesRequest, context: Context
    ) -> pb.ListMemoriesResponse:
        wanted, scope = paging.read_page(paging.MEMORIES, request)
        page = await self._memories.list(namespace(), memories.read_filter(request.filter), wanted)
        return paging.write_page(memories.write_memories(page.items), scope, page)

    async def SearchMemories(
        self, request: pb.SearchMemoriesRequest, context: Context
    ) -> pb.SearchMemoriesResponse:
        wanted, scope = paging.read_ranked_page(paging.MATCHES, request, "request_id")
        search = memories.read_search(request)
        request_id = check_optional_id("request_id", request.request_id)
        page = await self._memories.search(namespace(), search, wanted, request_id)
        return paging.write_page(memories.write_matches(page.items), scope, page)

    async def UpdateMemory(
        self, request: pb.UpdateMemoryRequest, context: Context
    ) -> pb.UpdateMemoryResponse:
        memory = await self._memories.update(
            namespace(),
            check_id("memory.memory_id", request.memory.memory_id),
            memories.read_change(request),
            *read_precondition(request),
        )
        return memories.write_memory(pb.UpdateMemoryResponse(), memory)

    async def DeleteMemory(
        self, request: pb.DeleteMemoryRequest, context: Context
    ) -> pb.DeleteMemoryResponse:
        memory_id = check_id("memory_id", request.memory_id)
        expected_version = read_optional_count(request, "expected_version")
        with allowed_missing(request.allow_missing, MemoryNotFound):
            await self._memories.delete(namespace(), memory_id, expected_version)
        return pb.DeleteMemoryResponse()
