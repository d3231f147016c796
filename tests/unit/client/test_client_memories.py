"""What the methods of memories send, and what they make of the answers."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

import holdfastdb
from holdfastdb.v1 import memory_service_pb2 as pb
from tests.unit.client.scripted import UNAVAILABLE, Script

MEMORY = pb.Memory(memory_id="m", lesson="l", confidence=0.25, version=2, use_count=3)
MEMORY.last_use_time.FromSeconds(60)
FOUND = pb.SearchMemoriesResponse(matches=[pb.MemoryMatch(memory=MEMORY, score=0.5)])


@pytest.fixture(autouse=True)
def answers(script: Script) -> None:
    for verb in ("Create", "Get", "Update"):
        script.on(f"{verb}Memory", getattr(pb, f"{verb}MemoryResponse")(memory=MEMORY))
    script.on("ListMemories", pb.ListMemoriesResponse(memories=[MEMORY], total_size=1))
    script.on("SearchMemories", FOUND)
    script.on("DeleteMemory", pb.DeleteMemoryResponse())


async def test_create_sends_the_fields_and_returns_the_memory(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    memory = await client.memories.create("l", context="c", tool_name="t", confidence=0.0, metadata={"n": 1})
    sent = script.calls[-1].request.memory
    uuid.UUID(sent.memory_id)
    assert (sent.lesson, sent.context, sent.tool_name) == ("l", "c", "t")
    assert sent.HasField("confidence")
    assert (memory.confidence, memory.version, memory.use_count) == (0.25, 2, 3)
    assert memory.last_use_time is not None
    assert memory.last_use_time.timestamp() == 60


async def test_an_update_sends_what_is_given_and_no_more(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    await client.memories.update("m", lesson="new", expected_version=1)
    sent = script.calls[-1].request
    assert not sent.HasField("update_mask")
    assert not sent.memory.HasField("confidence")
    await client.memories.update("m", context="", confidence=0.5, labels={}, replace=True)
    assert list(script.calls[-1].request.update_mask.paths) == ["context", "confidence", "labels"]
    with pytest.raises(holdfastdb.InvalidArgument, match="replace=True"):
        await client.memories.update("m", context="")


async def test_a_search_sends_its_filter_and_returns_scores(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    options: dict[str, Any] = {"tool_name": "t", "min_confidence": 0.5, "labels": {"a": "1"}}
    pager = client.memories.search("some words", match_all=True, **options)
    [found] = [match async for match in pager]
    assert (found.score, found.memory.memory_id) == (0.5, "m")
    sent = script.calls[-1].request
    assert (sent.query, sent.match_all, sent.count_use, sent.request_id) == ("some words", True, False, "")
    assert (sent.filter.tool_name, sent.filter.min_confidence) == ("t", 0.5)
    assert [memory.memory_id async for memory in client.memories.list(**options)] == ["m"]
    assert script.calls[-1].request.filter == sent.filter


async def test_each_page_of_a_counting_search_counts_once_however_often_it_is_sent(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    more = pb.SearchMemoriesResponse(next_page_token="next")
    script.on("SearchMemories", UNAVAILABLE, more, FOUND)
    assert len([match async for match in client.memories.search("w", count_use=True)]) == 1
    first, again, second = script.requests("SearchMemories")
    assert first == again
    assert first.request_id
    assert second.page_token == "next"
    assert second.request_id not in ("", first.request_id)
