"""What the storage needs to know to start."""

from __future__ import annotations

from dataclasses import dataclass


class StartupRefused(Exception):
    """The store must not serve as things are. The message says why and what to run."""


@dataclass(frozen=True, slots=True)
class StorageOptions:
    """Where the data is and how it is reached. Times are in seconds."""

    url: str
    """`sqlite:///file.db` or `postgresql://user:password@host:port/database`."""
    listen_url: str | None = None
    """A direct URL for LISTEN, where `url` leads through a transaction pooler."""
    pool_min: int = 5
    """Connections opened at the start: enough for the journal, the readers and a few others."""
    pool_max: int = 20
    """Connections at most, opened as they are needed; what PostgreSQL must have to spare for each server."""
    pool_timeout: float = 5.0
    """How long a request waits for a connection before it is UNAVAILABLE."""
    connect_timeout: float = 5.0
    """How long a connection attempt may take."""
    statement_timeout: float = 30.0
    """How long one statement may take, its wait for locks included."""
    pgbouncer: bool = False
    """Prepare no statements, for a pooler in transaction mode."""
    poll_interval: float = 1.0
    """How often tails look for what a lost notification missed, and how often a lost database is tried."""
    max_tails: int = 10_000
    """Open tails at most, each of which holds a page at a time; and as many who wait for an approval."""
    max_waiting: int = 10_000
    """Requests that may wait for their transaction, and claims that may wait for a task, before
    further ones are OVERLOADED."""
    janitor_interval: float = 0.0
    """How often the janitor sweeps; 0: only when it is told to."""
    single_statement_writes: bool = True
    """Whether PostgreSQL appends and saves in one statement what fits in one. Otherwise each write is planned
    in a transaction, as on SQLite: the same outcome, more slowly. For tests; no setting of a server."""
