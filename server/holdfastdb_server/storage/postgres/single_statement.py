"""Writes in one statement, which is all that most of them need on PostgreSQL.

It locks the sessions, looks whether it may write to them, and writes: one trip to the database, and no
transaction around it. What needs a closer look it leaves alone, for the journal to lock, plan and write.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, TypeVar

import asyncpg
from msgspec import Struct

from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.write_path.entries import Append, Save

E = TypeVar("E", Append, Save)
S = TypeVar("S", bound="SessionGroup[Any]")


class SessionGroup(Struct, Generic[E]):
    """What a crowd of requests wants of one session."""

    place: int
    namespace: str
    session_id: str
    fits_one_statement: bool = True
    """Whether no request stands in the way of another: no id twice, and no two guards that differ."""

    def add(self, index: int, request: E) -> None:
        """Add a request, which stands at this index in the crowd. TypeError, ValueError: it is no row."""
        raise NotImplementedError


class PostgresWriter(ABC, Generic[E, S]):
    """Carries out crowds of requests of one kind."""

    entry: ClassVar[type[Any]]
    """The kind."""

    def __init__(self, database: Database, statement: str, group: type[S]) -> None:
        self._database = database
        self._statement = statement
        self._group = group

    async def write(self, requests: Sequence[E]) -> list[Any]:
        """Write durably what can be written so, and return the answers: those of the requests' `plan`.

        None for the others, of which nothing is written.
        """
        groups: dict[tuple[str, str], S] = {}
        for index, request in enumerate(requests):
            name = (request.namespace, request.session_id)
            if (group := groups.get(name)) is None:
                group = groups[name] = self._group(len(groups), *name)
            try:
                group.add(index, request)
            except (TypeError, ValueError):
                # A value that cannot become part of a row, such as half of a surrogate pair.
                group.fits_one_statement = False
        answers: list[Any] = [None] * len(requests)
        simple: dict[int, S] = {group.place: group for group in groups.values() if group.fits_one_statement}
        if not simple:
            return answers
        now = datetime.now(UTC)
        try:
            arguments = (now, *self._rows(simple.values()))
        except (TypeError, ValueError):
            return answers  # a value that cannot be sent, such as half of a surrogate pair
        # What PostgreSQL or its driver refuses is one request's fault, or another server was quicker.
        with contextlib.suppress(asyncpg.PostgresError):
            found = await self._database.run_at_once(self._statement, arguments)
            for index, answer in self._committed(found, simple, now):
                answers[index] = answer
        return answers

    @abstractmethod
    def _rows(self, groups: Collection[S]) -> tuple[bytes, ...]:
        """Return what the statement takes from `$2` on; `$1` is the time. TypeError, ValueError as above."""

    @abstractmethod
    def _committed(
        self, found: Sequence[Any], groups: Mapping[int, S], now: datetime
    ) -> Iterable[tuple[int, Any]]:
        """Signal what was written, and return the answers, each with the index of its request."""
