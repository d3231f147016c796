"""Which indexes lists of plans, lists of memories and searches use in large tables."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.memories import MemoryFields, MemoryFilter
from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.domain.plans.plan import PlanFilter, PlanStatus
from holdfastdb_server.storage import schema
from holdfastdb_server.storage.engines.full_text import FullText
from holdfastdb_server.storage.memories.rows import field_values, weighted_words
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE, create
from tests.support.filled import START, FilledStore, filled_store, insert, plain_row
from tests.support.memories import search
from tests.support.plans import item, plan_draft

LARGE = {"plans", "plan_items", "plan_label_index", "memories", "memory_label_index", "memory_full_text"}
ROWS = 4_000
PAGE = PageRequest(20, descending=True)
WORDS = [f"{a}{b}{c}" for a in "abcdefghij" for b in "klmnopqrst" for c in "aeiou"]


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def filled(request: pytest.FixtureRequest) -> AsyncIterator[FilledStore]:
    """Thousands of plans, a few of them of a session, and thousands of memories."""
    async with filled_store(request, fill, LARGE) as filled:
        yield filled


async def fill(store: SqlStore) -> None:
    await create(store)
    await insert(store, schema.plans, list(plan_rows()))
    await store._database.write(lambda connection: fill_keyed(connection, store.memories._full_text))
    for number in range(20):
        items = [item("a"), item("b", depends_on=("a",))]
        await store.plans.create(NAMESPACE, plan_draft(f"own{number}", *items, session_id="s"))


async def fill_keyed(connection: AsyncConnection, words: FullText) -> None:
    """Fill what refers to others by their keys."""
    keys = (await connection.scalars(sa.select(schema.plans.c.key).order_by(schema.plans.c.key))).all()
    items = [item_row(key, position) for key in keys for position in (1, 2)]
    await connection.execute(schema.plan_items.insert(), items)
    memories = list(memory_rows())
    await connection.execute(schema.memories.insert(), [row for row, _ in memories])
    chosen = sa.select(schema.memories.c.id, schema.memories.c.key)
    by_id = {row.id: row.key for row in await connection.execute(chosen)}
    listed = [(by_id[row["id"]], row["namespace"], weighted_words(fields)) for row, fields in memories]
    await words.write(connection, listed)


def plan_rows() -> Iterator[dict[str, Any]]:
    plain = plain_row(schema.plans)
    for number in range(ROWS):
        yield {
            **plain,
            "namespace": NAMESPACE if number % 4 else "other",
            "id": f"p{number}",
            # Nearly all are pending: the few that are not must not be looked for among them.
            "status": "active" if number % 400 == 1 else "pending",
            "labels": {"team": str(number % 400)},
            "metadata": {"n": number % 400},
            "pending_count": 2,
            "size": 500,
            "create_time": START + timedelta(minutes=number),
        }


def item_row(key: int, position: int) -> dict[str, Any]:
    return {
        "plan_key": key,
        "id": str(position),
        "namespace": NAMESPACE,
        "position": position,
        "description": "do it",
        "acceptance_criteria": "[]",
        "depends_on": "[]",
        "status": "pending",
        "metadata": "{}",
        "version": 1,
        "update_time": START,
    }


def memory_rows() -> Iterator[tuple[dict[str, Any], MemoryFields]]:
    chance = random.Random(0)
    for number in range(ROWS):
        fields = MemoryFields(
            lesson=" ".join(chance.choices(WORDS, k=8)),
            tool_name=f"tool{number % 200}",
            agent_id=f"agent{number % 200}",
            user_id=f"user{number % 200}",
            session_id=f"session{number % 200}",
            confidence=0.99 if number % 400 == 1 else 0.5,
            labels={"team": str(number % 400)},
            metadata={"n": number % 400},
        )
        row = {
            "namespace": NAMESPACE if number % 4 else "other",
            "id": f"m{number}",
            "create_fingerprint": b"",
            "version": 1,
            "use_count": 0,
            "create_time": START + timedelta(minutes=number),
            "update_time": START,
            **field_values(f"m{number}", fields),
        }
        yield row, fields


BOUNDS: dict[str, Any] = {
    "created_from": START + timedelta(days=1),
    "created_until": START + timedelta(days=1, minutes=30),
}
PLANS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "nothing": ({}, {"plans_namespace_create_time_key_idx"}),
    "times": (BOUNDS, {"plans_namespace_create_time_key_idx"}),
    "session": ({"session_id": "s"}, {"plans_session_key_idx"}),
    "status": ({"statuses": [PlanStatus.ACTIVE]}, {"plans_namespace_status_create_time_key_idx"}),
    "labels": ({"labels": {"team": "7"}}, {"plans_labels_idx", "plan_label_index_value_idx"}),
    "metadata": ({"metadata": {"n": 7}}, {"plans_metadata_idx", "plan_label_index_value_idx"}),
}
MEMORIES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "nothing": ({}, {"memories_namespace_create_time_key_idx"}),
    "times": (BOUNDS, {"memories_namespace_create_time_key_idx"}),
    "tool": ({"tool_name": "tool7"}, {"memories_tool_name_idx"}),
    "agent": ({"agent_id": "agent7"}, {"memories_agent_id_idx"}),
    "user": ({"user_id": "user7"}, {"memories_user_id_idx"}),
    "session": ({"session_id": "session7"}, {"memories_session_id_idx"}),
    "labels": ({"labels": {"team": "7"}}, {"memories_labels_idx", "memory_label_index_value_idx"}),
    "metadata": ({"metadata": {"n": 7}}, {"memories_metadata_idx", "memory_label_index_value_idx"}),
}


@pytest.mark.parametrize("name", PLANS)
async def test_each_filter_of_plans_is_answered_by_its_index(filled: FilledStore, name: str) -> None:
    where, wanted = PLANS[name]
    used = await filled.check(filled.store.plans.list(NAMESPACE, PlanFilter(**where), PAGE), rows=1_000)
    assert used & wanted, used
    assert used & {"plan_items_pkey", "sqlite_autoindex_plan_items_1"}, used


async def test_one_plan_is_read_by_its_id_and_its_items_by_their_plan(filled: FilledStore) -> None:
    await filled.check(filled.store.plans.get(NAMESPACE, "p1"), rows=10)


@pytest.mark.parametrize("name", MEMORIES)
async def test_each_filter_of_memories_is_answered_by_its_index(filled: FilledStore, name: str) -> None:
    where, wanted = MEMORIES[name]
    used = await filled.check(filled.store.memories.list(NAMESPACE, MemoryFilter(**where), PAGE), rows=1_000)
    assert used & wanted, used


async def test_the_surest_memories_are_answered_by_an_index(filled: FilledStore) -> None:
    # Either those that are so sure, or, while there are many of them, the newest ones that are.
    used = await filled.check(
        filled.store.memories.list(NAMESPACE, MemoryFilter(min_confidence=0.99), PAGE), rows=ROWS
    )
    assert used & {
        "memories_namespace_confidence_create_time_key_idx",
        "memories_namespace_create_time_key_idx",
    }


@pytest.mark.parametrize("match_all", [False, True])
async def test_a_search_enters_the_full_text_index(filled: FilledStore, match_all: bool) -> None:
    query = f"{WORDS[3]} {WORDS[77]}"
    for tool in ("", "tool7"):
        used = await filled.check(
            search(filled.store, query, match_all=match_all, tool_name=tool), rows=1_000
        )
        # SQLite's plans do not name the index of an FTS5 table: it has nothing else.
        assert "memory_full_text_words_idx" in used or filled.store._database.dialect.name == "sqlite"
