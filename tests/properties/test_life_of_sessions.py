"""Sessions live as a model of them says, whatever is called in whatever order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from holdfastdb_server.domain.errors import (
    HoldfastError,
    IdTaken,
    InvalidField,
    SequenceMismatch,
    SessionEnded,
    SessionNotFound,
    TransitionNotAllowed,
    VersionMismatch,
)
from holdfastdb_server.domain.events import EventFilter
from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import (
    ForkDraft,
    SessionChange,
    SessionFields,
    SessionStatus,
    Transition,
)
from holdfastdb_server.domain.states import StateFilter
from tests.support.content import create, note, write
from tests.support.examples import few
from tests.support.stores import StoreOpener

NAMES = st.sampled_from(["s", "t", "u"])
KEYS = st.sampled_from(["a", "b"])
# None: no expectation. Else how far it is from the actual value.
OFFSETS = st.sampled_from([None, None, None, 0, 0, -1, 1])

# By hand, from the contract: the domain's own table is under test.
MOVES = {
    "pending": {"active", "expired"},
    "active": {"completed", "failed", "expired"},
    "completed": set(),
    "failed": set(),
    "expired": set(),
}


@dataclass
class Known:
    """What the model knows of a session."""

    title: str
    parent: str = ""
    status: str = "pending"
    version: int = 1
    labels: dict[str, str] = field(default_factory=dict)
    types: list[str] = field(default_factory=list)
    states: list[tuple[str, int, int, int]] = field(default_factory=list)
    """Key, version, value, and the session's last sequence at the time of the save."""
    forked: tuple[str, int, str] | None = None

    @property
    def last_sequence(self) -> int:
        return len(self.types)

    def version_of(self, key: str) -> int:
        return max((version for name, version, _, _ in self.states if name == key), default=0)


class Sessions(RuleBasedStateMachine):
    """Calls the store and keeps the model beside it; after each call the session must be as the model's."""

    store: Store
    runner: asyncio.Runner
    numbers = count(1)

    def __init__(self) -> None:
        super().__init__()
        self.namespace = f"life-{next(self.numbers)}"
        self.known: dict[str, Known] = {}

    def run(self, call: Awaitable[Any], *errors: type[HoldfastError]) -> bool:
        """Make a call, which must raise one of the errors if any is given; return whether it succeeded."""
        if not errors:
            self.runner.run(_awaited(call))
            return True
        with pytest.raises(errors):
            self.runner.run(_awaited(call))
        return False

    @rule(name=NAMES, title=st.sampled_from(["one", "other"]))
    def create(self, name: str, title: str) -> None:
        known = self.known.get(name)
        is_same = known is None or (known.title == title and not known.forked)
        errors = () if is_same else (IdTaken,)
        if self.run(create(self.store, name, namespace=self.namespace, title=title), *errors):
            self.known.setdefault(name, Known(title))
        self.check(name)

    @rule(name=NAMES, status=st.sampled_from(SessionStatus), offset=OFFSETS)
    def move(self, name: str, status: SessionStatus, offset: int | None) -> None:
        known = self.known.get(name)
        expected = None if offset is None else max(0, (known.version if known else 0) + offset)
        errors: list[type[HoldfastError]] = []
        if known is None:
            errors = [SessionNotFound]
        else:
            errors += [VersionMismatch] if expected not in (None, known.version) else []
            errors += [TransitionNotAllowed] if status.value not in MOVES[known.status] else []
        call = self.store.sessions.transition(self.namespace, name, Transition(status), expected)
        if self.run(call, *errors) and known:
            known.status = status.value
            known.version += 1
            known.types.append(f"holdfast.session.{status.value}")
        self.check(name)

    @rule(name=NAMES, value=st.sampled_from(["x", "y"]), offset=OFFSETS)
    def label(self, name: str, value: str, offset: int | None) -> None:
        known = self.known.get(name)
        expected = None if offset is None else max(0, (known.version if known else 0) + offset)
        errors: list[type[HoldfastError]] = []
        if known is None:
            errors = [SessionNotFound]
        elif expected not in (None, known.version):
            errors = [VersionMismatch]
        change = SessionChange(SessionFields(labels={"mark": value}), merges=True).checked()
        if self.run(self.store.sessions.update(self.namespace, name, change, expected), *errors) and known:
            known.version += known.labels != {"mark": value}
            known.labels = {"mark": value}
        self.check(name)

    @rule(name=NAMES, key=KEYS, value=st.integers(0, 9), offset=OFFSETS)
    def save(self, name: str, key: str, value: int, offset: int | None) -> None:
        known = self.known.get(name)
        actual = known.version_of(key) if known else 0
        expected = None if offset is None else max(0, actual + offset)
        errors: list[type[HoldfastError]] = []
        if known is None:
            errors = [SessionNotFound]
        else:
            errors += [SessionEnded] if not MOVES[known.status] else []
            errors += [VersionMismatch] if expected not in (None, actual) else []
        writes = [write(key, str(value), expected=expected)]
        if self.run(self.store.states.save(self.namespace, name, writes), *errors) and known:
            known.states.append((key, actual + 1, value, known.last_sequence))
        self.check(name)

    @rule(name=NAMES, events=st.integers(1, 3), offset=OFFSETS)
    def append(self, name: str, events: int, offset: int | None) -> None:
        known = self.known.get(name)
        actual = known.last_sequence if known else 0
        expected = None if offset is None else max(0, actual + offset)
        errors: list[type[HoldfastError]] = []
        if known is None:
            errors = [SessionNotFound]
        elif expected not in (None, actual):
            errors = [SequenceMismatch]
        notes = [note() for _ in range(events)]
        if self.run(self.store.events.append(self.namespace, name, notes, expected), *errors) and known:
            known.types += ["note"] * events
        self.check(name)

    @precondition(lambda self: self.known)
    @rule(name=NAMES, copy=NAMES, sequence=st.none() | st.integers(0, 12))
    def fork(self, name: str, copy: str, sequence: int | None) -> None:
        source = self.known.get(name)
        up_to = (source.last_sequence if source else 0) if sequence is None else sequence
        taken = self.known.get(copy)
        wanted = (name, -1 if sequence is None else sequence, "")
        errors: list[type[HoldfastError]] = []
        if taken is not None and taken.forked != wanted:
            errors += [IdTaken]
        if source is None:
            errors += [SessionNotFound]
        elif taken is None and up_to > source.last_sequence:
            errors += [InvalidField]
        if errors:
            # Which of these errors is raised is not specified.
            errors += [SessionNotFound, InvalidField, IdTaken]
        call = self.store.sessions.fork(self.namespace, name, ForkDraft(copy, sequence).checked())
        if self.run(call, *errors) and source and taken is None:
            self.known[copy] = Known(
                source.title,
                parent=name,
                labels=dict(source.labels),
                types=[*source.types[:up_to], "holdfast.session.forked"],
                states=[state for state in source.states if state[3] <= up_to],
                forked=wanted,
            )
        self.check(name)
        self.check(copy)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        errors = () if name in self.known else (SessionNotFound,)
        if self.run(self.store.sessions.delete(self.namespace, name), *errors):
            del self.known[name]
        self.check(name)

    def check(self, name: str) -> None:
        """Check that the store shows the session as the model knows it."""
        self.runner.run(self._check(name))

    async def _check(self, name: str) -> None:
        known = self.known.get(name)
        if known is None:
            with pytest.raises(SessionNotFound):
                await self.store.sessions.get(self.namespace, name)
            return
        session = await self.store.sessions.get(self.namespace, name)
        assert (session.status.value, session.version) == (known.status, known.version)
        assert (session.fields.title, session.parent_session_id) == (known.title, known.parent)
        assert (session.fields.labels, session.last_sequence) == (known.labels, known.last_sequence)
        assert (session.end_time is not None) == (not MOVES[known.status])
        page = await self.store.events.list(self.namespace, name, EventFilter(), PageRequest(1_000))
        assert [event.sequence for event in page.items] == list(range(1, len(known.types) + 1))
        assert [event.type for event in page.items] == known.types
        everything = StateFilter(all_versions=True)
        kept = await self.store.states.list(self.namespace, name, everything, PageRequest(1_000))
        values = [(state.key, state.version, state.payload and state.payload.json) for state in kept.items]
        wanted = [(key, version, str(value)) for key, version, value, _ in known.states]
        assert sorted(values) == sorted(wanted)


async def _awaited(call: Awaitable[Any]) -> None:
    await call


@pytest.fixture
def machine(database_url: str, store_options: dict[str, Any]) -> Iterator[type[Sessions]]:
    """The machine with a store, on each engine in turn."""
    opener = StoreOpener(database_url, **store_options)
    with asyncio.Runner() as runner:
        yield type("SessionsOfAStore", (Sessions,), {"store": runner.run(opener()), "runner": runner})
        runner.run(opener.close())


def test_sessions_live_as_the_model_says(machine: type[Sessions]) -> None:
    run_state_machine_as_test(machine, settings=few(15, steps=20))
