"""Runs: one agent's execution, from start to finish."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct, field
from msgspec.structs import astuple, fields, replace

from holdfastdb_server.domain import limits
from holdfastdb_server.domain.errors import InvalidField, LimitExceeded, RunEnded, TransitionNotAllowed
from holdfastdb_server.domain.events import Event, server_event
from holdfastdb_server.domain.fingerprint import fingerprint_of
from holdfastdb_server.domain.ids import check_id, check_optional_id
from holdfastdb_server.domain.merge_patch import merge
from holdfastdb_server.domain.values import (
    JsonObject,
    Payload,
    check_labels,
    check_metadata,
    check_payload,
    check_text,
    payload_bytes,
    payload_content,
)

DEFAULT_KIND = "agent"


class RunStatus(StrEnum):
    """Where a run stands in its life."""

    STARTED = "started"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether no move leads out of it."""
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
    """Tokens, with the names of OpenTelemetry's `gen_ai.usage`."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    reasoning_output_tokens: int = 0

    def checked(self, path: str) -> TokenUsage:
        """Return the usage within its bounds. Raises InvalidField."""
        for one in fields(self):
            count = getattr(self, one.name)
            if not 0 <= count <= limits.RUN_TOKENS:
                raise InvalidField(f"{path}.{one.name}", f"is {count}; 0 to {limits.RUN_TOKENS} are allowed")
        return self


class RunResults(Struct, frozen=True):
    """What becomes known of a run while it runs, and the marks to find it by."""

    output: Payload | None = None
    error: str = ""
    usage: TokenUsage = TokenUsage()
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: JsonObject = field(default_factory=dict)


class RunDraft(Struct, frozen=True):
    """A run to start. `run_id` is final: chosen by the caller or made by us."""

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
        """Return the draft within all bounds, with its kind. Raises InvalidField."""
        check_id("run.run_id", self.run_id)
        for name in ("session_id", "parent_run_id", "task_id", "agent_id", "kind", "trace_id"):
            check_optional_id(f"run.{name}", getattr(self, name))
        if self.input is not None:
            check_payload("run.input", self.input)
        results = _check_results("run", self.results)
        size = payload_bytes(self.input) + payload_bytes(results.output)
        if size > limits.PAYLOAD_BYTES:
            problem = f"has {size} bytes together with the input; at most {limits.PAYLOAD_BYTES} are allowed"
            raise InvalidField("run.output", problem)
        return replace(self, kind=self.kind or DEFAULT_KIND, results=results)

    def fingerprint(self) -> bytes:
        """Return what two drafts with the same content have in common."""
        results = self.results
        return fingerprint_of(
            self.session_id,
            self.parent_run_id,
            self.task_id,
            self.agent_id,
            self.kind,
            self.trace_id,
            payload_content(self.input),
            str(self.start_time),
            payload_content(results.output),
            results.error,
            astuple(results.usage),
            dict(results.labels),
            results.metadata,
        )


class Run(Struct, frozen=True):
    """A run as it is stored. Times are aware, in UTC. Payloads are None where there are none."""

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
        """Return the event of the status that it has taken. `before` is None for its first one."""
        details = (
            {"to": self.status.name} if before is None else {"from": before.name, "to": self.status.name}
        )
        if self.results.error:
            details["error"] = self.results.error
        return replace(
            server_event(f"run.{self.status}", self.agent_id, kind=self.kind, **details),
            run_id=self.run_id,
            task_id=self.task_id,
            trace_id=self.trace_id,
            event_time=self.start_time if before is None else self.end_time,
        )

    def _with(self, results: RunResults) -> Run:
        """Return the run with other results. Raises LimitExceeded when its payloads become too large."""
        size = payload_bytes(self.input) + payload_bytes(results.output)
        if size > limits.PAYLOAD_BYTES:
            raise LimitExceeded("bytes of input and output", size, limits.PAYLOAD_BYTES)
        return replace(self, results=results)


class RunChange(Struct, frozen=True):
    """A change of a run that goes on. `is_running` moves it from STARTED to RUNNING.

    `replaced` names the results to take whole. None merges: what is not empty is set, labels are added
    to, metadata is merged by RFC 7396. A usage of None is empty.
    """

    is_running: bool = False
    output: Payload | None = None
    error: str = ""
    usage: TokenUsage | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: JsonObject = field(default_factory=dict)
    replaced: frozenset[str] | None = None

    @property
    def _given(self) -> RunResults:
        usage = self.usage or TokenUsage()
        return RunResults(self.output, self.error, usage, self.labels, self.metadata)

    def checked(self) -> RunChange:
        """Return the change within all bounds. Raises InvalidField."""
        given = _check_results("run", self._given)
        return replace(self, labels=given.labels, metadata=given.metadata)

    def fingerprint(self, run_id: str, expected_version: int | None) -> bytes:
        """Return what two requests for the same change have in common."""
        return fingerprint_of(
            "update run",
            run_id,
            expected_version,
            self.is_running,
            payload_content(self.output),
            self.error,
            None if self.usage is None else astuple(self.usage),
            dict(self.labels),
            self.metadata,
            None if self.replaced is None else sorted(self.replaced),
        )

    def apply(self, run: Run) -> Run:
        """Return the run after the change. Raises RunEnded, LimitExceeded, and InvalidField past a bound."""
        current, given = run.results, self._given
        if self.replaced is not None:
            changed = replace(current, **{name: getattr(given, name) for name in self.replaced})
        else:
            changed = RunResults(
                output=given.output or current.output,
                error=given.error or current.error,
                usage=self.usage or current.usage,
                labels={**current.labels, **given.labels},
                metadata=merge(current.metadata, given.metadata),
            )
        changed = _check_results("run", changed)
        frozen = replace(changed, labels=current.labels, metadata=current.metadata)
        if run.status.is_final and (self.is_running or frozen != current):
            raise RunEnded(run.run_id, run.status.name)
        return replace(run._with(changed), status=RunStatus.RUNNING if self.is_running else run.status)


class RunEnd(Struct, frozen=True):
    """How a run ends. What is empty or None leaves the run's own; a time of None is that of the call."""

    status: RunStatus
    output: Payload | None = None
    error: str = ""
    usage: TokenUsage | None = None
    end_time: datetime | None = None

    def checked(self) -> RunEnd:
        """Return the end within all bounds. Raises InvalidField."""
        if not self.status.is_final:
            raise InvalidField("status", f"is {self.status.name}, with which no run ends")
        if self.output is not None:
            check_payload("output", self.output)
        check_text("error", self.error, limits.ERROR_LENGTH)
        if self.usage is not None:
            self.usage.checked("usage")
        return self

    def fingerprint(self, run_id: str, expected_version: int | None) -> bytes:
        """Return what two requests for the same end have in common."""
        usage = None if self.usage is None else astuple(self.usage)
        content = (self.status, payload_content(self.output), self.error, usage, str(self.end_time))
        return fingerprint_of("finish run", run_id, expected_version, *content)

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
        # The caller's clock, which set the start, may be ahead of ours.
        end_time = self.end_time or max(now, run.start_time)
        return replace(run._with(results), status=self.status, end_time=end_time)


def _check_results(path: str, results: RunResults) -> RunResults:
    if results.output is not None:
        check_payload(f"{path}.output", results.output)
    check_text(f"{path}.error", results.error, limits.ERROR_LENGTH)
    results.usage.checked(f"{path}.usage")
    return replace(
        results,
        labels=check_labels(f"{path}.labels", results.labels),
        metadata=check_metadata(f"{path}.metadata", results.metadata),
    )
