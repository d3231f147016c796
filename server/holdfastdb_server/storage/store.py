"""The store: all nouns of one database, wired."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from holdfastdb_server.domain.errors import DatabaseUnavailable
from holdfastdb_server.domain.limits import Policy
from holdfastdb_server.storage.approvals.store import SqlApprovals
from holdfastdb_server.storage.approvals.waits import ApprovalWaits
from holdfastdb_server.storage.documents.store import SqlDocuments
from holdfastdb_server.storage.engines.availability import Availability
from holdfastdb_server.storage.engines.opening import listen_url, open_database
from holdfastdb_server.storage.engines.postgres import PostgresDialect
from holdfastdb_server.storage.events.pages import EventPages
from holdfastdb_server.storage.events.store import SqlEvents
from holdfastdb_server.storage.events.tails import Tails
from holdfastdb_server.storage.janitor.janitor import SqlJanitor, jobs_of
from holdfastdb_server.storage.janitor.retention import Retention
from holdfastdb_server.storage.janitor.sessions import SessionJobs
from holdfastdb_server.storage.memories.store import SqlMemories
from holdfastdb_server.storage.observer import NoObserver, StorageObserver
from holdfastdb_server.storage.options import StorageOptions
from holdfastdb_server.storage.plans.store import SqlPlans
from holdfastdb_server.storage.postgres.analyze import TableStatistics
from holdfastdb_server.storage.postgres.appends import SingleStatementAppends
from holdfastdb_server.storage.postgres.notify import Announcer, Listener
from holdfastdb_server.storage.postgres.saves import SingleStatementSaves
from holdfastdb_server.storage.runs.store import SqlRuns
from holdfastdb_server.storage.sessions.store import SqlSessions
from holdfastdb_server.storage.signals import Signals
from holdfastdb_server.storage.states.store import SqlStates
from holdfastdb_server.storage.tasks.claims import Claims
from holdfastdb_server.storage.tasks.store import SqlTasks
from holdfastdb_server.storage.write_path.entries import SingleStatementWriter
from holdfastdb_server.storage.write_path.group_commit import GroupCommit
from holdfastdb_server.storage.write_path.point_reads import PointReads
from holdfastdb_server.storage.write_path.statements import Statements
from holdfastdb_server.storage.write_path.writer import Writer


class SqlStore:
    """See Store. The constructor connects nothing; `start` does."""

    def __init__(
        self, options: StorageOptions, policy: Policy, observer: StorageObserver | None = None
    ) -> None:
        observer = observer or NoObserver()
        self._options = options
        self._database = open_database(options)
        dialect = self._database.dialect
        statements = Statements(dialect)
        self._signals = Signals()
        # Not for SQLite: its file belongs to this process, and its planner needs no statistics of ours.
        self._announcer: Announcer | None = None
        self._statistics: TableStatistics | None = None
        single_statement_writers: list[SingleStatementWriter] = []
        if isinstance(dialect, PostgresDialect):
            self._announcer = Announcer(self._database)
            self._statistics = TableStatistics(self._database)
            if options.single_statement_writes:
                single_statement_writers = [
                    SingleStatementAppends(self._database, dialect, self._publish, observer),
                    SingleStatementSaves(self._database, dialect, policy.state_versions_kept, observer),
                ]
        self._reads = PointReads(self._database, statements, observer, options.max_waiting)
        writer = Writer(self._database, statements, policy.state_versions_kept, self._publish)
        self._group_commit = GroupCommit(writer, single_statement_writers, observer, options.max_waiting)
        pages = EventPages(dialect)
        self._tails = Tails(self._database, statements, pages, self._reads, self._signals, observer, options)
        self.sessions = SqlSessions(self._database, writer, self._reads, policy)
        self.states = SqlStates(self._database, writer, self._group_commit, self._reads)
        self.events = SqlEvents(self._database, writer, self._group_commit, pages, self._tails)
        self.runs = SqlRuns(self._database, writer)
        self._waits = ApprovalWaits(self._database, self._signals, options.max_tails)
        self.approvals = SqlApprovals(self._database, writer, self._waits, self._signals)
        claims = Claims(self._database, writer, self._signals, options)
        self.tasks = SqlTasks(self._database, writer, claims, policy)
        self.plans = SqlPlans(self._database, writer)
        self.memories = SqlMemories(self._database, writer)
        self.documents = SqlDocuments(self._database, writer)
        jobs = jobs_of(
            SessionJobs(self._database, writer, policy),
            self.approvals,
            self.tasks,
            self.documents,
            Retention(self._database, policy),
        )
        self.janitor = SqlJanitor(self._database, jobs, observer)
        self._availability = Availability(self._database, options)
        self._availability.call_back(self._on_availability)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Check the database, and begin to watch it. Raises StartupRefused if it must not be served.

        A database that cannot be reached is no reason not to start: it is tried again and again. SQLite's
        file is locked for this server, and migrated.
        """
        try:
            await self._availability.start()
        except BaseException:
            await self.close()
            raise
        self._run("availability", self._availability.watch(self._poll))
        if self._announcer is not None:
            self._run("announcer", self._announcer.run())
            listener = Listener(
                listen_url(self._options),
                self._signals,
                self._options.connect_timeout,
                self._options.poll_interval,
            )
            self._run("listener", listener.run())
            self._run("opening", self._open_connections())
        if self._options.janitor_interval:
            sweeping = self.janitor.run(self._options.janitor_interval, lambda: self.is_available)
            self._run("janitor", sweeping)
            if self._statistics is not None:
                self._run("statistics", self._statistics.run(lambda: self.is_available))

    def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work, name=f"holdfast-{name}"))

    async def _open_connections(self) -> None:
        with contextlib.suppress(DatabaseUnavailable):
            await self._database.open_connections(self._options.pool_min)

    async def _poll(self) -> None:
        """Wake those who wait for something whose signal was lost."""
        await self._tails.poll()
        await self._waits.poll()

    def _publish(self, topics: set[str]) -> None:
        if topics:
            self._signals.wake(topics)
            if self._announcer is not None:
                self._announcer.announce(topics)

    def _on_availability(self, available: bool) -> None:
        if available:
            self._signals.wake_all()

    @property
    def is_available(self) -> bool:
        """Whether the database can be reached and has our schema."""
        return self._availability.is_available

    def on_availability(self, callback: Callable[[bool], None]) -> None:
        """Call back now and whenever the database becomes available or unavailable."""
        self._availability.call_back(callback)

    def pool_status(self) -> dict[str, int]:
        """Return how many connections are open and in use."""
        return self._database.pool_status()

    async def drain_tails(self) -> None:
        self._signals.drain()

    async def close(self) -> None:
        """Answer the requests under way, stop the tasks, and close the connections."""
        self._signals.drain()
        await self._group_commit.close()
        await self._reads.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._database.close()
        self._availability.close()
