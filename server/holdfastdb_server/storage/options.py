"""The options of a store."""

from __future__ import annotations

from dataclasses import dataclass


class StartupRefused(Exception):
    """The store cannot serve with these options or this database. The message says why, and what to run."""


@dataclass(frozen=True, slots=True)
class StorageOptions:
    """Where the data is and how it is reached. Times are in seconds."""

    url: str
    """`sqlite:///file.db` or `postgresql://user:password@host:port/database`."""
    listen_url: str | None = None
    """A direct URL for LISTEN, if `url` leads through a pooler in transaction mode."""
    pool_min: int = 5
    """Connections opened at the start: enough for group commit, the point reads and a few others."""
    pool_max: int = 20
    """Connections at most, opened as they are needed. PostgreSQL must accept as many from each server."""
    pool_timeout: float = 5.0
    """How long a request waits for a connection before it is UNAVAILABLE."""
    connect_timeout: float = 5.0
    """How long a connection attempt may take."""
    statement_timeout: float = 30.0
    """How long one statement may take, its wait for locks included."""
    pgbouncer: bool = False
    """Prepare no statements, for a pooler in transaction mode."""
    poll_interval: float = 1.0
    """How often waiters poll in case a notification was lost, and how often an unavailable database is
    tried."""
    max_tails: int = 10_000
    """Open tails at most, each of which holds one page in memory; and as many waits for approvals at most."""
    max_waiting: int = 10_000
    """Requests that may wait for their transaction, and claims that may wait for a task, before
    further ones are OVERLOADED."""
    janitor_interval: float = 0.0
    """How often the janitor sweeps; 0: only when it is called."""
    single_statement_writes: bool = True
    """Whether PostgreSQL appends and saves in one statement what fits in one. Otherwise each write is planned
    in a transaction, as on SQLite: the same outcome, more slowly. For tests; no setting of a server."""
