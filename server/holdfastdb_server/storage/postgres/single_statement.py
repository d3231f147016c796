"""Writes in one statement, which is all that most of them need on PostgreSQL.

The statement locks the sessions, makes the checks, and writes: one round trip, and no transaction around
it. A write whose checks fail is not written, and left to the planned way (write_path/transaction.py), which
finds out what its answer or error is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, TypeVar

import asyncpg
from msgspec import Struct

from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.observer import StorageObserver
from holdfastdb_server.storage.postgres.fallbacks import Fallbacks
from holdfastdb_server.storage.write_path.entries import Append, Save

E = TypeVar("E", Append, Save)
S = TypeVar("S", bound="SessionGroup[Any]")


class SessionGroup(Struct, Generic[E]):
    """The requests to one session among those of a statement."""

    index: int
    """The group's index in the statement, from 0."""
    namespace: str
    session_id: str
    size: int = 0
    """How many requests it has, those included that cannot become rows."""
    fits_one_statement: bool = True
    """Whether no request excludes another: no id twice, and no two guards that differ."""
    unsendable: Exception | None = None
    """Why a request cannot become rows: a value such as half of a surrogate pair."""

    def add(self, index: int, request: E) -> None:
        """Add the request at this index of the statement. TypeError, ValueError: it cannot become rows."""
        raise NotImplementedError


class PostgresWriter(ABC, Generic[E, S]):
    """Carries out many requests of one kind in one statement."""

    entry: ClassVar[type[Any]]
    """The kind."""

    def __init__(self, database: Database, statement: str, group: type[S], observer: StorageObserver) -> None:
        self._database = database
        self._statement = statement
        self._group_type = group
        self._fallbacks = Fallbacks(self.entry.kind, observer)

    async def write(self, requests: Sequence[E]) -> list[Any]:
        """Write durably what fits one statement, and return the answers: those of the requests' `plan`.

        None for the others, of which nothing is written: they fall back to the planned way.
        """
        answers: list[Any] = [None] * len(requests)
        groups = self._sendable(self._grouped(requests))
        if groups:
            for index, answer in await self._run(groups):
                answers[index] = answer
        return answers

    def _grouped(self, requests: Sequence[E]) -> Collection[S]:
        groups: dict[tuple[str, str], S] = {}
        for index, request in enumerate(requests):
            name = (request.namespace, request.session_id)
            if (group := groups.get(name)) is None:
                group = groups[name] = self._group_type(len(groups), *name)
            group.size += 1
            try:
                group.add(index, request)
            except (TypeError, ValueError) as error:
                group.unsendable = error
        return groups.values()

    def _sendable(self, groups: Iterable[S]) -> Mapping[int, S]:
        """Return the groups that fit one statement, by their indexes."""
        sendable = {}
        for group in groups:
            if group.unsendable is not None:
                self._fallbacks.unsendable(group.size, group.unsendable)
            elif group.fits_one_statement:
                sendable[group.index] = group
            else:
                self._fallbacks.by_checks(group.size)
        return sendable

    async def _run(self, groups: Mapping[int, S]) -> Sequence[tuple[int, Any]]:
        """Run the statement; return the answers, each with the index of its request."""
        now = datetime.now(UTC)
        size = sum(group.size for group in groups.values())
        try:
            arguments = (now, *self._parameters(groups.values()))
        except (TypeError, ValueError) as error:
            self._fallbacks.unsendable(size, error)
            return ()
        try:
            written = await self._database.run_at_once(self._statement, arguments)
        except asyncpg.UniqueViolationError:
            # An id that another server wrote after this statement's snapshot was taken.
            self._fallbacks.by_checks(size)
            return ()
        except asyncpg.PostgresError as error:
            self._fallbacks.refused(size, error)
            return ()
        answers = list(self._answers(written, groups, now))
        self._fallbacks.by_checks(size - len(answers))
        return answers

    @abstractmethod
    def _parameters(self, groups: Collection[S]) -> tuple[bytes, ...]:
        """Return what the statement takes from `$2` on; `$1` is the time. TypeError, ValueError as above."""

    @abstractmethod
    def _answers(
        self, written: Sequence[Any], groups: Mapping[int, S], now: datetime
    ) -> Iterable[tuple[int, Any]]:
        """Publish what was written; return the answers, each with the index of its request.

        `written` are the rows that the statement returned.
        """
