"""Runs: one execution of an agent each, and its life cycle."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct, field
from msgspec.structs import fields, replace

from holdfastdb_server.domain import limits
from holdfastdb_server.domain.changes import changed_fields
from holdfastdb_server.domain.errors import InvalidField, RunEnded, TransitionNotAllowed
from holdfastdb_server.domain.events import Event, status_event
from holdfastdb_server.domain.fingerprint import fingerprint_of
from holdfastdb_server.domain.ids import check_id, check_optional_ids
from holdfastdb_server.domain.values import (
    JsonObject,
    Payload,
    check_bytes,
    check_optional_payload,
    check_payloads_fit,
    check_searchable,
    check_text,
    payload_bytes,
)

DEFAULT_KIND = "agent"


class RunStatus(StrEnum):
    """The status of a run."""

    STARTED = "started"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the life cycle allows no change from it."""
        return not TRANSITIONS[self]


_ENDS = frozenset({RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED})
TRANSITIONS: Mapping[RunStatus, frozenset[RunStatus]] = {
    RunStatus.STARTED: _ENDS | {RunStatus.RUNNING},
    RunStatus.RUNNING: _ENDS,
    RunStatus.COMPLETED: frozenset(),
    RunStatus.FAILED: frozenset(),
    RunStatus.CANCELLED: frozenset(),
}


class TokenUsage(Struct, frozen=True):
    """Numbers of tokens, with the names of OpenTelemetry's `gen_ai.usage`."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    reasoning_output_tokens: int = 0

    def checked(self, path: str) -> TokenUsage:
        """Return the usage, checked and normalized. Raises InvalidField."""
        for one in fields(self):
            count = getattr(self, one.name)
            if not 0 <= count <= limits.RUN_TOKENS:
                raise InvalidField(f"{path}.{one.name}", f"is {count}; 0 to {limits.RUN_TOKENS} are allowed")
        return self


class RunResults(Struct, frozen=True):
    """The fields of a run that can be changed after its start."""

    output: Payload | None = None
    error: str = ""
    usage: TokenUsage = TokenUsage()
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: JsonObject = field(default_factory=dict)

    def checked(self) -> RunResults:
        """Return the results, checked and normalized. Raises InvalidField."""
        check_optional_payload("run.output", self.output)
        check_text("run.error", self.error, limits.ERROR_LENGTH)
        self.usage.checked("run.usage")
        return check_searchable("run.", self)


class RunDraft(Struct, frozen=True):
    """A run to start. `run_id` is set: the caller's, or a new one."""

    run_id: str
    session_id: str = ""
    parent_run_id: str = ""
    task_id: str = ""
    agent_id: str = ""
    kind: str = DEFAULT_KIND
    trace_id: str = ""
    input: Payload | None = None
    start_time: datetime | None = None
    results: RunResults = RunResults()

    def checked(self) -> RunDraft:
        """Return the draft, checked, with the default kind if it has none. Raises InvalidField."""
        check_id("run.run_id", self.run_id)
        ids = ("session_id", "parent_run_id", "task_id", "agent_id", "kind", "trace_id")
        check_optional_ids("run.", self, ids)
        check_optional_payload("run.input", self.input)
        results = self.results.checked()
        size = payload_bytes(self.input) + payload_bytes(results.output)
        check_bytes("run.output", size, limits.PAYLOAD_BYTES, "together with the input")
        return replace(self, kind=self.kind or DEFAULT_KIND, results=results)

    def fingerprint(self) -> bytes:
        """Return the fingerprint of the draft without its id."""
        return fingerprint_of(replace(self, run_id=""))


class Run(Struct, frozen=True):
    """A run as it is stored. Times are aware, in UTC. A payload that was not loaded is None."""

    run_id: str
    session_id: str
    parent_run_id: str
    task_id: str
    agent_id: str
    kind: str
    trace_id: str
    input: Payload | None
    status: RunStatus
    results: RunResults
    version: int
    start_time: datetime
    end_time: datetime | None
    create_time: datetime
    update_time: datetime

    def event(self, before: RunStatus | None) -> Event:
        """Return the event of its present status. `before` is None for its first one."""
        details = {"error": self.results.error} if self.results.error else {}
        return replace(
            status_event("run", before, self.status, self.agent_id, kind=self.kind, **details),
            run_id=self.run_id,
            task_id=self.task_id,
            trace_id=self.trace_id,
            event_time=self.start_time if before is None else self.end_time,
        )

    def _with(self, results: RunResults) -> Run:
        """Return the run with these results. Raises LimitExceeded if its payloads exceed PAYLOAD_BYTES."""
        check_payloads_fit("bytes of input and output", self.input, results.output)
        return replace(self, results=results)


class RunChange(Struct, frozen=True):
    """A change of a run that has not ended. `is_running` moves it from STARTED to RUNNING.

    `replaced` names the fields to take from `results` whole. With `merges`, labels and metadata
    are merged (see changed_fields).
    """

    results: RunResults = RunResults()
    replaced: frozenset[str] = frozenset()
    merges: bool = False
    is_running: bool = False

    def checked(self) -> RunChange:
        """Return the change, checked and normalized. Raises InvalidField."""
        return replace(self, results=self.results.checked())

    def apply(self, run: Run) -> Run:
        """Return the run after the change. Raises RunEnded, LimitExceeded, and InvalidField."""
        current = run.results
        changed = changed_fields(current, self.results, self.replaced, merges=self.merges).checked()
        frozen = replace(changed, labels=current.labels, metadata=current.metadata)
        if run.status.is_final and (self.is_running or frozen != current):
            raise RunEnded(run.run_id, run.status.name)
        return replace(run._with(changed), status=RunStatus.RUNNING if self.is_running else run.status)


class RunEnd(Struct, frozen=True):
    """The end of a run. A field that is empty or None does not change the run's; `end_time` None: now."""

    status: RunStatus
    output: Payload | None = None
    error: str = ""
    usage: TokenUsage | None = None
    end_time: datetime | None = None

    def checked(self) -> RunEnd:
        """Return the end, checked and normalized. Raises InvalidField."""
        if not self.status.is_final:
            raise InvalidField("status", f"is {self.status.name}, with which no run ends")
        check_optional_payload("output", self.output)
        check_text("error", self.error, limits.ERROR_LENGTH)
        if self.usage is not None:
            self.usage.checked("usage")
        return self

    def apply(self, run: Run, now: datetime) -> Run:
        """Return the run after its end. Raises TransitionNotAllowed, LimitExceeded, InvalidField."""
        if self.status not in TRANSITIONS[run.status]:
            raise TransitionNotAllowed("run", run.run_id, run.status.name, self.status.name)
        if self.end_time is not None and self.end_time < run.start_time:
            raise InvalidField("end_time", f"is before the start, {run.start_time.isoformat()}")
        current = run.results
        results = replace(
            current,
            output=self.output or current.output,
            error=self.error or current.error,
            usage=self.usage or current.usage,
        )
        # The start time is by the caller's clock, which may be ahead of the database's.
        end_time = self.end_time or max(now, run.start_time)
        return replace(run._with(results), status=self.status, end_time=end_time)
