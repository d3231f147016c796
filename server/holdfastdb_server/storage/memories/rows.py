"""Between rows and memories."""

from __future__ import annotations

from collections.abc import Iterator
from operator import eq, ge, lt
from typing import Any

from holdfastdb_server.domain.memories import Memory, MemoryFields
from holdfastdb_server.domain.values import utf8_size
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.engines.full_text import FULL_WEIGHT, HALF_WEIGHT
from holdfastdb_server.storage.query.filters import Compares, Conditions, HasMembers
from holdfastdb_server.storage.query.sizes import OVERHEAD, searchable_size
from holdfastdb_server.storage.schema import memories


def field_values(memory_id: str, fields: MemoryFields) -> dict[str, Any]:
    """Return the columns of the fields that a caller gives."""
    ids = (fields.tool_name, fields.agent_id, fields.user_id, fields.session_id)
    texts = (memory_id, fields.context, fields.lesson, *ids)
    searched = searchable_size(fields.labels) + searchable_size(fields.metadata)
    return {
        "context": fields.context,
        "lesson": fields.lesson,
        "tool_name": fields.tool_name or None,
        "agent_id": fields.agent_id or None,
        "user_id": fields.user_id or None,
        "session_id": fields.session_id or None,
        "confidence": fields.confidence,
        "labels": dict(fields.labels),
        "metadata": fields.metadata,
        "size": OVERHEAD + sum(map(utf8_size, texts)) + searched,
    }


def memory_of(row: Any) -> Memory:
    """Return the memory in a whole row of `memories`."""
    return Memory(
        memory_id=row.id,
        fields=MemoryFields(
            context=row.context,
            lesson=row.lesson,
            tool_name=row.tool_name or "",
            agent_id=row.agent_id or "",
            user_id=row.user_id or "",
            session_id=row.session_id or "",
            # SQLite returns a whole number as an integer where a row is written and returned.
            confidence=float(row.confidence),
            labels=row.labels,
            metadata=row.metadata,
        ),
        version=row.version,
        use_count=row.use_count,
        last_use_time=row.last_use_time,
        create_time=row.create_time,
        update_time=row.update_time,
    )


def weighted_words(fields: MemoryFields) -> Iterator[tuple[str, int]]:
    """Yield the words that a memory is found by, each with its weight."""
    in_lesson, elsewhere = fields.words()
    yield from ((word, FULL_WEIGHT) for word in in_lesson)
    yield from ((word, HALF_WEIGHT) for word in elsewhere)


def memory_conditions(dialect: Dialect) -> Conditions:
    """Return what the fields of a MemoryFilter stand for."""
    return Conditions(
        dialect,
        {
            "tool_name": Compares(memories.c.tool_name, eq),
            "agent_id": Compares(memories.c.agent_id, eq),
            "user_id": Compares(memories.c.user_id, eq),
            "session_id": Compares(memories.c.session_id, eq),
            "min_confidence": Compares(memories.c.confidence, ge),
            "labels": HasMembers(memories.c.labels),
            "metadata": HasMembers(memories.c.metadata),
            "created_from": Compares(memories.c.create_time, ge),
            "created_until": Compares(memories.c.create_time, lt),
        },
    )
