"""Thousands of sessions, events, states and request ids, for the engines to choose indexes for."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from holdfastdb_server.domain.sessions import SessionStatus
from holdfastdb_server.storage import schema
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE, note, save, write
from tests.support.filled import START, insert

SESSIONS = 6_000
EVENTS = 12_000
KEYS = 1_500


async def fill(store: SqlStore) -> None:
    await insert(store, schema.sessions, session_rows())
    for start in range(0, EVENTS, 1_000):
        session_id = "s0" if start < EVENTS // 2 else f"s{start // 1_000}"
        events = [event_of(start + number) for number in range(1_000)]
        await store.events.append(NAMESPACE, session_id, events)
    for start in range(0, KEYS, 100):
        writes = [
            write(f"k/{number % 30}/{number}", "1", metadata={"m": number % 500}, run_id=f"r{number % 500}")
            for number in range(start, start + 100)
        ]
        for _ in range(2):
            await save(store, *writes, session_id="s0")
        for session_number in (1, 2, 3):
            request_id = f"r{start}"
            await save(
                store, *writes, session_id=f"s{session_number * 15 + start // 100}", request_id=request_id
            )
    heads, versions = state_rows()
    await insert(store, schema.requests, request_rows())
    await insert(store, schema.states, heads)
    await insert(store, schema.state_versions, versions)


def session_rows() -> list[dict[str, Any]]:
    chance = random.Random(1)
    statuses = list(SessionStatus)
    rows = []
    for number in range(SESSIONS):
        time = START + timedelta(minutes=number)
        rows.append(
            {
                "namespace": NAMESPACE if number % 2 == 0 else f"other {number % 20}",
                "id": f"s{number // 2}" if number % 2 == 0 else f"o{number}",
                "parent_id": f"s{chance.randrange(200)}" if number % 3 == 0 else None,
                "create_fingerprint": b"0123456789abcdef",
                "status": "active" if number < 150 else statuses[chance.randrange(5)],
                "status_reason": "",
                "user_id": f"user {chance.randrange(300)}",
                "agent_id": f"agent {chance.randrange(300)}" if number % 2 == 0 else None,
                "task_id": f"task {chance.randrange(300)}" if number % 4 == 0 else None,
                "title": "",
                "labels": {"team": f"team {chance.randrange(300)}", "env": f"env {chance.randrange(3)}"},
                "metadata": {"customer": chance.randrange(300), "kind": f"kind {chance.randrange(3)}"},
                "retention": None,
                "version": 1,
                "last_sequence": 0,
                "fork_sequence": None,
                "create_time": time,
                "update_time": time,
                "last_activity_time": time,
                "end_time": None,
                "expiry_check_time": None,
            }
        )
    return rows


def request_rows() -> list[dict[str, Any]]:
    return [
        {
            "session_key": 1 + number // 5,
            "request_id": f"request {number}",
            "namespace": NAMESPACE,
            "fingerprint": b"0123456789abcdef",
            "result": "{}",
            "create_time": START,
        }
        for number in range(5_000)
    ]


def state_rows() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Heads and versions of a hundred sessions with a hundred keys each."""
    heads = [
        {
            "session_key": 1_000 + number // 100,
            "key": f"k/{number % 7}/{number % 100}",
            "namespace": NAMESPACE,
            "version": 2,
        }
        for number in range(10_000)
    ]
    rest: dict[str, Any] = {
        "body": "1",
        "data": None,
        "media_type": "",
        "metadata": {},
        "run_id": None,
        "session_sequence": 0,
        "size": 200,
        "create_time": START,
    }
    return heads, [{**head, **rest, "version": version} for head in heads for version in (1, 2)]


def event_of(number: int) -> Any:
    return note(
        f"e{number}",
        type=f"type.{number % 10}",
        actor=f"actor {number % 7}",
        trace_id=f"trace {number % 600}" if number % 2 else "",
        labels={"l": str(number % 50)},
    )
