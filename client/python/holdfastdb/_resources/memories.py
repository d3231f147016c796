"""Lessons that outlive a session, and the search for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from holdfastdb._arguments import require_flag, require_number, require_optional_number
from holdfastdb._convert.enums import to_order
from holdfastdb._convert.memories import from_memory, to_memory_filter
from holdfastdb._convert.messages import build, to_labels
from holdfastdb._convert.structs import to_struct
from holdfastdb._convert.updates import to_update
from holdfastdb._ids import new_id
from holdfastdb._transport.channel import Connection
from holdfastdb._transport.paging import AsyncPager, paged
from holdfastdb.types.memories import Memory, MemoryFilter, MemoryMatch
from holdfastdb.types.pages import Order
from holdfastdb.v1 import memory_service_pb2 as pb


class AsyncMemories:
    """`client.memories`. Every method may raise Unavailable, DeadlineExceeded and InvalidArgument too."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(
        self,
        lesson: str,
        *,
        context: str = "",
        tool_name: str = "",
        agent_id: str = "",
        user_id: str = "",
        session_id: str = "",
        confidence: float = 1.0,
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, object] | None = None,
        memory_id: str | None = None,
        timeout: float | None = None,
    ) -> Memory:
        """Create a memory. Without a `memory_id` it gets a new one.

            await client.memories.create(
                "Retry a search that times out with half the page", tool_name="web_search", confidence=0.8
            )

        Repeating a `memory_id` with the same content returns the memory as it is now; with other content it
        raises AlreadyExists.
        """
        memory = build(
            "",
            pb.Memory,
            memory_id=new_id() if memory_id is None else memory_id,
            context=context,
            lesson=lesson,
            tool_name=tool_name,
            agent_id=agent_id,
            user_id=user_id,
            session_id=session_id,
            confidence=require_number(confidence, "confidence"),
            labels=to_labels(labels),
            metadata=to_struct(metadata),
        )
        stub = self._connection.stubs.memories
        request = pb.CreateMemoryRequest(memory=memory)
        return from_memory((await self._connection.call(stub.CreateMemory, request, timeout)).memory)

    async def get(self, memory_id: str, *, timeout: float | None = None) -> Memory:
        """The memory. Raises NotFound."""
        request = build("", pb.GetMemoryRequest, memory_id=memory_id)
        stub = self._connection.stubs.memories
        return from_memory((await self._connection.call(stub.GetMemory, request, timeout)).memory)

    def list(
        self,
        *,
        order: Order | None = None,
        page_size: int = 0,
        page_token: str = "",
        include_total_size: bool = False,
        timeout: float | None = None,
        **conditions: Unpack[MemoryFilter],
    ) -> AsyncPager[Memory]:
        """Memories by creation time, newest first unless `order` says otherwise.

            async for memory in client.memories.list(tool_name="web_search", min_confidence=0.5):
                print(memory.lesson)

        The conditions are those of `MemoryFilter`. `page_size` is 20 unless given, at most 100; `timeout`
        holds for each page.
        """
        request = build(
            "",
            pb.ListMemoriesRequest,
            page_size=page_size,
            page_token=page_token,
            order=to_order(order),
            filter=to_memory_filter(conditions),
            include_total_size=include_total_size,
        )
        return paged(
            self._connection,
            lambda stubs: stubs.memories.ListMemories,
            request,
            timeout,
            lambda page: map(from_memory, page.memories),
        )

    def search(
        self,
        query: str,
        *,
        match_all: bool = False,
        count_use: bool = False,
        page_size: int = 0,
        page_token: str = "",
        timeout: float | None = None,
        **conditions: Unpack[MemoryFilter],
    ) -> AsyncPager[MemoryMatch]:
        """The memories with at least one of the query's words, or with `match_all` each of them, best first:
        by score, then by confidence, then the newest.

            async for found in client.memories.search("search timeout", tool_name="web_search"):
                print(f"{found.score:.0%} {found.memory.lesson}")

        A word is found at the beginning of one in the context, the lesson or the tool name; case does not
        matter. `count_use` counts a use of each memory that is returned, once, however often a call is
        retried. The conditions, `page_size` and `timeout` are those of `list`.
        """
        request = build(
            "",
            pb.SearchMemoriesRequest,
            query=query,
            match_all=match_all,
            filter=to_memory_filter(conditions),
            page_size=page_size,
            page_token=page_token,
            count_use=require_flag(count_use, "count_use"),
        )

        def count_once(page: pb.SearchMemoriesRequest) -> None:
            page.request_id = new_id() if count_use else ""

        return paged(
            self._connection,
            lambda stubs: stubs.memories.SearchMemories,
            request,
            timeout,
            lambda page: [MemoryMatch(from_memory(match.memory), match.score) for match in page.matches],
            prepare=count_once,
        )

    async def update(
        self,
        memory_id: str,
        *,
        lesson: str | None = None,
        context: str | None = None,
        tool_name: str | None = None,
        agent_id: str | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        confidence: float | None = None,
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, object] | None = None,
        replace: bool = False,
        expected_version: int | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Memory:
        """Change the fields that are given, and return the memory as it is then.

            await client.memories.update(memory.memory_id, confidence=0.9)

        Without `replace`, `labels` are added to and `metadata` is merged (RFC 7396: None removes its key).
        With `replace`, each field that is given becomes exactly that, also when it is empty. Raises NotFound,
        VersionMismatch.
        """
        changes = {
            "lesson": lesson,
            "context": context,
            "tool_name": tool_name,
            "agent_id": agent_id,
            "user_id": user_id,
            "session_id": session_id,
            "confidence": require_optional_number(confidence, "confidence"),
            "labels": to_labels(labels),
            "metadata": to_struct(metadata),
        }
        request = to_update(
            pb.UpdateMemoryRequest,
            "memory",
            pb.Memory,
            {"memory_id": memory_id},
            changes,
            replace=replace,
            expected_version=expected_version,
            request_id=request_id,
        )
        stub = self._connection.stubs.memories
        return from_memory((await self._connection.call(stub.UpdateMemory, request, timeout)).memory)

    async def delete(
        self,
        memory_id: str,
        *,
        allow_missing: bool = False,
        expected_version: int | None = None,
        timeout: float | None = None,
    ) -> None:
        """Delete a memory, at once and for good.

        Raises VersionMismatch, and NotFound unless `allow_missing`: use it where a call may be repeated after
        the memory was deleted.
        """
        request = build(
            "",
            pb.DeleteMemoryRequest,
            memory_id=memory_id,
            expected_version=expected_version,
            allow_missing=allow_missing,
        )
        await self._connection.call(self._connection.stubs.memories.DeleteMemory, request, timeout)
