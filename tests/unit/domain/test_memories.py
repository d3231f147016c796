"""Memories: what is checked and normalized before it is stored or searched."""

from __future__ import annotations

from msgspec.structs import replace

from holdfastdb_server.domain.memories import (
    MemoryChange,
    MemoryDraft,
    MemoryFields,
    MemoryFilter,
    MemorySearch,
    check_confidence,
)
from tests.support.refusals import refused
from tests.support.sameness import same


def test_memories_are_checked_and_normalized() -> None:
    fields = MemoryFields(lesson="l", metadata={"n": 1.0})
    normal = replace(fields, metadata={"n": 1})
    assert same(MemoryDraft("m", fields).checked(), MemoryDraft("m", normal))
    refused("memory.memory_id", MemoryDraft("", fields).checked)
    refused("memory.lesson", MemoryDraft("m", MemoryFields()).checked)
    refused("memory.lesson", MemoryChange(MemoryFields(), frozenset({"lesson"})).checked)
    unmerged = MemoryChange(fields, frozenset()).checked()
    assert same(unmerged, MemoryChange(normal, frozenset(), merges=False))
    assert MemoryChange(MemoryFields("c"), frozenset({"context"})).checked().fields == MemoryFields("c")
    new = MemoryFields(labels={"l": "w"}, metadata={"m": 2})
    assert MemoryChange(new, frozenset()).apply(normal) == normal
    merged = MemoryChange(new, frozenset(), merges=True).apply(normal)
    assert merged == replace(normal, labels={"l": "w"}, metadata={"n": 1, "m": 2})
    refused("memory.lesson", MemoryChange(new, frozenset({"lesson"})).apply, normal)
    where = MemoryFilter(metadata={"n": 1.0}, min_confidence=1.0)
    assert same(where.checked(), replace(where, metadata={"n": 1}))
    assert MemorySearch(("x",)) == MemorySearch(("x",), match_all=False, count_use=False)


def test_confidence_is_from_0_to_1() -> None:
    for confidence in (0.0, 0.5, 1.0):
        assert check_confidence("f", confidence) == confidence
    for confidence in (-0.001, 1.001, float("nan"), float("inf")):
        refused("f", check_confidence, "f", confidence)
        refused("memory.confidence", MemoryFields(lesson="l", confidence=confidence).checked)
        refused("filter.min_confidence", MemoryFilter(min_confidence=confidence).checked)


def test_a_word_of_a_memory_s_lesson_does_not_count_again() -> None:
    fields = MemoryFields(context="in the lesson too", lesson="The lesson", tool_name="grep the")
    assert [list(found) for found in fields.words()] == [["the", "lesson"], ["in", "too", "grep"]]
