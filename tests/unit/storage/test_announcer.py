"""When topics are sent to other servers, and how they are written in a NOTIFY."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import pytest

from holdfastdb_server.domain.errors import DatabaseUnavailable
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.postgres import notify
from holdfastdb_server.storage.postgres.notify import Announcer, read_payload, write_payload

# More turns of the event loop than it takes to send something.
_TURNS = 20


class Statements:
    """Notes the statements that a database is given, each of which fails with `error` if that is set."""

    def __init__(self) -> None:
        self.sent: list[Sequence[Any]] = []
        self.error: Exception | None = None

    async def run_at_once(self, statement: str, arguments: Sequence[Any]) -> Sequence[Any]:
        assert "pg_notify" in statement
        self.sent.append(arguments)
        if self.error:
            raise self.error
        return []

    @property
    def topics(self) -> list[str]:
        """The payload of each."""
        return [payload for _, payload in self.sent]


@pytest.fixture
def statements() -> Statements:
    """What the announcer sends."""
    return Statements()


@pytest.fixture
async def announcer(statements: Statements) -> AsyncIterator[Announcer]:
    """A running announcer."""
    announcer = Announcer(cast("Database", statements))
    running = asyncio.create_task(announcer.run())
    await some_turns()
    yield announcer
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def some_turns() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)


@pytest.fixture
def endless_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first NOTIFY there is no second one while the test lasts."""
    monkeypatch.setattr(notify, "_PAUSE_SECONDS", 600.0)


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is announced is sent at once."""
    monkeypatch.setattr(notify, "_PAUSE_SECONDS", 0.0)


@pytest.mark.usefixtures("no_pause")
async def test_what_is_announced_is_sent_once(announcer: Announcer, statements: Statements) -> None:
    assert statements.sent == []
    announcer.announce({"s2"})
    announcer.announce({"s1", "s2"})
    await some_turns()
    announcer.announce({"s3"})
    await some_turns()
    assert statements.sent == [(notify.CHANNEL, "s1\ns2"), (notify.CHANNEL, "s3")]


@pytest.mark.usefixtures("endless_pause")
async def test_after_a_notify_others_are_gathered(announcer: Announcer, statements: Statements) -> None:
    announcer.announce({"s1"})
    await some_turns()
    announcer.announce({"s2"})
    await some_turns()
    assert statements.topics == ["s1"]


@pytest.mark.usefixtures("endless_pause")
async def test_the_callers_are_answered_before_it_is_sent(
    announcer: Announcer, statements: Statements
) -> None:
    sent_before_answers = []
    announcer.announce({"s1"})
    asyncio.get_running_loop().call_soon(lambda: sent_before_answers.extend(statements.topics))
    await some_turns()
    assert (sent_before_answers, statements.topics) == ([], ["s1"])


@pytest.mark.usefixtures("no_pause")
async def test_an_unavailable_database_does_not_end_it(announcer: Announcer, statements: Statements) -> None:
    statements.error = DatabaseUnavailable()
    announcer.announce({"s1"})
    await some_turns()
    statements.error = None
    announcer.announce({"s2"})
    await some_turns()
    # Other servers find the first at their next poll.
    assert statements.topics == ["s1", "s2"]


@pytest.mark.parametrize("topics", [{"s1"}, {"s1", "a2", "tnamespace/kind"}], ids=len)
def test_topics_are_read_as_they_were_written(topics: set[str]) -> None:
    assert set(read_payload(write_payload(topics)) or ()) == topics


@pytest.mark.parametrize(
    ("topics", "fits"),
    [
        ({"t" * notify._PAYLOAD_BYTES}, True),
        ({"t" * (notify._PAYLOAD_BYTES + 1)}, False),
        ({"é" * (notify._PAYLOAD_BYTES // 2)}, True),
        ({"é" * (notify._PAYLOAD_BYTES // 2 + 1)}, False),
    ],
    ids=["the most bytes", "a byte more", "the most bytes of two each", "a letter of two bytes more"],
)
def test_topics_that_do_not_fit_a_payload_stand_for_all(topics: set[str], fits: bool) -> None:
    assert read_payload(write_payload(topics)) == (list(topics) if fits else None)
