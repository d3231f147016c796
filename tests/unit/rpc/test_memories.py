"""Memories between protobuf and domain."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import ParseDict

from holdfastdb.v1 import memory_service_pb2 as pb
from holdfastdb_server.domain.errors import InvalidField, InvalidPageToken
from holdfastdb_server.domain.memories import Memory, MemoryFields, MemoryMatch
from holdfastdb_server.domain.paging import Page
from holdfastdb_server.rpc.context import Call, current_call
from holdfastdb_server.rpc.convert import memories, paging

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIELDS = MemoryFields("when", "what", "tool", "agent", "ann", "s", 0.0, {"k": "v"}, {"n": 3})


@pytest.fixture(autouse=True)
def call() -> Iterator[None]:
    token = current_call.set(Call())
    yield
    current_call.reset(token)


def test_a_memory_has_all_of_its_fields() -> None:
    memory = Memory("m", FIELDS, 2, 5, NOON, NOON, NOON)
    noon = "2026-01-01T12:00:00Z"
    expected = ParseDict(
        {
            "memoryId": "m",
            "context": "when",
            "lesson": "what",
            "toolName": "tool",
            "agentId": "agent",
            "userId": "ann",
            "sessionId": "s",
            "confidence": 0,
            "labels": {"k": "v"},
            "metadata": {"n": 3},
            "version": 2,
            "useCount": 5,
            "lastUseTime": noon,
            "createTime": noon,
            "updateTime": noon,
        },
        pb.Memory(),
    )
    assert memories.write_memory(pb.GetMemoryResponse(), memory).memory == expected
    [match] = memories.write_matches([MemoryMatch(memory, 0.5)]).matches
    assert (match.memory, match.score) == (expected, 0.5)
    unused = memories.write_memory(pb.GetMemoryResponse(), Memory("m", FIELDS, 1, 0, None, NOON, NOON))
    assert not unused.memory.HasField("last_use_time")


def test_a_draft_has_an_id_and_is_sure_unless_it_says_otherwise() -> None:
    draft = memories.read_draft(pb.CreateMemoryRequest(memory=pb.Memory(lesson="l")))
    assert UUID(draft.memory_id).version == 7
    assert draft.fields.confidence == 1.0
    unsure = pb.CreateMemoryRequest(memory=pb.Memory(lesson="l", confidence=0.0))
    assert memories.read_draft(unsure).fields.confidence == 0.0


@pytest.mark.parametrize(
    ("memory", "field"),
    [
        (pb.Memory(), "memory.lesson"),
        (pb.Memory(lesson="x" * 65_537), "memory.lesson"),
        (pb.Memory(lesson="l", context="x" * 16_001), "memory.context"),
        (pb.Memory(lesson="l", tool_name="x" * 256), "memory.tool_name"),
        (pb.Memory(lesson="l", user_id="\n"), "memory.user_id"),
        (pb.Memory(lesson="l", confidence=1.01), "memory.confidence"),
        (pb.Memory(lesson="l", confidence=math.nan), "memory.confidence"),
    ],
)
def test_a_bad_field_is_refused_by_its_name(memory: pb.Memory, field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        memories.read_draft(pb.CreateMemoryRequest(memory=memory))
    assert refusal.value.field == field


def test_without_a_mask_what_is_there_is_set_also_a_confidence_of_0() -> None:
    memory = pb.Memory(memory_id="m", lesson="l", confidence=0.0, labels={"a": "1"})
    change = memories.read_change(pb.UpdateMemoryRequest(memory=memory))
    assert (change.replaced, change.merges) == (frozenset({"lesson", "confidence"}), True)


def test_a_mask_replaces_what_it_lists_and_an_absent_confidence_is_1() -> None:
    request = pb.UpdateMemoryRequest(update_mask=FieldMask(paths=["confidence", "labels"]))
    change = memories.read_change(request)
    assert (change.replaced, change.merges) == (frozenset({"confidence", "labels"}), False)
    assert change.fields.confidence == 1.0
    for path in ("memory_id", "use_count", "metadata.x"):
        with pytest.raises(InvalidField):
            memories.read_change(pb.UpdateMemoryRequest(update_mask=FieldMask(paths=[path])))


def test_a_search_has_the_different_words_of_its_query() -> None:
    search = memories.read_search(pb.SearchMemoriesRequest(query="Time-out TIME the out", match_all=True))
    assert (search.words, search.match_all) == (("time", "out", "the"), True)
    with pytest.raises(InvalidField) as refusal:
        memories.read_search(pb.SearchMemoriesRequest(query="?!"))
    assert refusal.value.field == "query"
    bad = pb.SearchMemoriesRequest(query="x", filter=pb.MemoryFilter(min_confidence=-1))
    with pytest.raises(InvalidField) as refusal:
        memories.read_search(bad)
    assert refusal.value.field == "filter.min_confidence"


def test_a_token_of_a_search_is_bound_to_all_but_the_page_size_and_the_request_id() -> None:
    request = pb.SearchMemoriesRequest(query="x", page_size=5, request_id="r")
    _, scope = paging.read_ranked_page(paging.MATCHES, request, "request_id")
    page: Page[MemoryMatch] = Page([], (3, "0.5", 7, 8))
    token = paging.write_page(pb.SearchMemoriesResponse(), scope, page).next_page_token
    again = pb.SearchMemoriesRequest(query="x", page_size=9, request_id="other", page_token=token)
    wanted, _ = paging.read_ranked_page(paging.MATCHES, again, "request_id")
    assert (wanted.after, wanted.size) == ((3, "0.5", 7, 8), 9)
    for other in (
        pb.SearchMemoriesRequest(query="y", page_token=token),
        pb.SearchMemoriesRequest(query="x", match_all=True, page_token=token),
        pb.SearchMemoriesRequest(query="x", filter=pb.MemoryFilter(user_id="u"), page_token=token),
    ):
        with pytest.raises(InvalidPageToken):
            paging.read_ranked_page(paging.MATCHES, other, "request_id")
