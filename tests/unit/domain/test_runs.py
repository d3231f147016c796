"""Runs at each change: what they take from it, what it may not do, and the event of their status."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from holdfastdb_server.domain.errors import (
    LimitExceeded,
    RunEnded,
    TransitionNotAllowed,
)
from holdfastdb_server.domain.events import Event
from holdfastdb_server.domain.runs.reports import RunSummary
from holdfastdb_server.domain.runs.run import (
    TRANSITIONS,
    Run,
    RunChange,
    RunDraft,
    RunEnd,
    RunResults,
    RunStatus,
    TokenUsage,
)
from holdfastdb_server.domain.values import Payload
from tests.support.refusals import refused
from tests.support.sameness import same

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE, MOMENT = timedelta(minutes=1), timedelta(microseconds=1)
LARGEST = 3 * 1024 * 1024
OUTPUT = Payload(json="1")
RESULTS = RunResults(OUTPUT, "bad", TokenUsage(1, 2, 3, 4, 5), {"k": "v"}, {"n": 1})
FINAL = [RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED]


def run(status: RunStatus = RunStatus.STARTED, results: RunResults = RESULTS, **fields: Any) -> Run:
    values: dict[str, Any] = {
        "run_id": "r",
        "session_id": "s",
        "parent_run_id": "p",
        "task_id": "t",
        "agent_id": "a",
        "kind": "k",
        "trace_id": "x",
        "input": None,
        "status": status,
        "results": results,
        "version": 3,
        "start_time": NOON,
        "end_time": NOON + MINUTE if status.is_final else None,
        "create_time": NOON,
        "update_time": NOON,
    }
    return Run(**{**values, **fields})


def test_the_life_cycle_ends() -> None:
    assert {status for status in RunStatus if status.is_final} == set(FINAL)
    assert TRANSITIONS[RunStatus.STARTED] == {RunStatus.RUNNING, *FINAL}
    assert TRANSITIONS[RunStatus.RUNNING] == set(FINAL)


@pytest.mark.parametrize("name", TokenUsage.__struct_fields__)
def test_tokens_are_counted_from_0_to_10_to_the_12(name: str) -> None:
    assert TokenUsage() == TokenUsage(0, 0, 0, 0, 0)
    for count in (0, 10**12):
        usage = TokenUsage(**{name: count})
        assert usage.checked("u") is usage
    for count in (-1, 10**12 + 1):
        usage = TokenUsage(**{name: count})
        refused(f"u.{name}", usage.checked, "u")
        refused(f"run.usage.{name}", RunResults(usage=usage).checked)
        refused(f"usage.{name}", RunEnd(RunStatus.FAILED, usage=usage).checked)


def test_a_draft_s_payloads_fit_together() -> None:
    half = Payload(data=b"x" * (LARGEST // 2))
    draft = RunDraft("r", input=half, results=RunResults(half)).checked()
    assert (draft.kind, draft.input, draft.results.output) == ("agent", half, half)
    problem = refused("run.output", replace(draft, input=Payload(data=half.data + b"x")).checked)  # type: ignore[operator]
    assert problem == f"has {LARGEST + 1} bytes together with the input; at most {LARGEST} are allowed"
    assert [RunDraft("r", kind=kind).checked().kind for kind in ("scan", "")] == ["scan", "agent"]


def test_a_draft_s_fields_are_checked_and_normalized() -> None:
    draft = RunDraft("r", results=RunResults(metadata={"n": 1.0}))
    assert same(draft.checked().results.metadata, {"n": 1})
    refused("run.run_id", RunDraft("").checked)
    refused("run.input", RunDraft("r", input=Payload()).checked)
    refused("run.output", RunDraft("r", results=RunResults(Payload())).checked)
    assert RunDraft("r").fingerprint() == RunDraft("other").fingerprint()
    assert RunDraft("r").fingerprint() != RunDraft("r", results=RunResults(OUTPUT)).fingerprint()


def test_the_event_of_a_status_is_of_its_run() -> None:
    def details(event: Event) -> Any:
        assert isinstance(event.body, Payload)
        return json.loads(event.body.json or "")

    first = run(results=RunResults()).event(None)
    of_run: dict[str, Any] = {"actor": "a", "run_id": "r", "task_id": "t", "trace_id": "x"}
    assert first == Event("", "holdfast.run.started", body=first.body, event_time=NOON, **of_run)
    assert details(first) == {"to": "STARTED", "kind": "k"}
    last = run(RunStatus.FAILED).event(RunStatus.RUNNING)
    assert last == Event("", "holdfast.run.failed", body=last.body, event_time=NOON + MINUTE, **of_run)
    assert details(last) == {"from": "RUNNING", "to": "FAILED", "kind": "k", "error": "bad"}


@pytest.mark.parametrize("status", [RunStatus.STARTED, RunStatus.RUNNING])
def test_a_change_takes_what_it_names(status: RunStatus) -> None:
    new = RunResults(Payload(json="2"), "worse", TokenUsage(9), {"l": "w"}, {"m": 2.0})
    changed = RunChange(new, frozenset({"output", "usage", "metadata"})).checked().apply(run(status))
    wanted = RunResults(Payload(json="2"), "bad", TokenUsage(9), {"k": "v"}, {"m": 2})
    assert same(changed, run(status, wanted))
    merged = RunChange(new, frozenset({"error"}), merges=True).checked().apply(run(status))
    both = {"labels": {"k": "v", "l": "w"}, "metadata": {"n": 1, "m": 2}}
    assert merged == run(status, replace(RESULTS, error="worse", **both))
    assert RunChange(new).apply(run(status)) == run(status)
    assert RunChange(is_running=True).apply(run(status)) == run(RunStatus.RUNNING)


def test_a_change_is_checked_when_it_is_merged() -> None:
    labels = {f"k{number}": "v" for number in range(64)}
    full = run(results=replace(RESULTS, labels=labels))
    change = RunChange(RunResults(labels={"more": "v"}), merges=True).checked()
    refused("run.labels", change.apply, full)
    refused("run.output", RunChange(RunResults(Payload())).checked)


@pytest.mark.parametrize("status", FINAL)
def test_an_ended_run_changes_only_in_its_labels_and_metadata(status: RunStatus) -> None:
    new = replace(RESULTS, labels={"l": "w"}, metadata={"m": 2})
    for names in ({"labels"}, {"metadata"}, {"labels", "metadata"}, {"output", "error", "usage"}):
        changed = RunChange(new, frozenset(names)).apply(run(status))
        wanted = {name: getattr(new, name) for name in names}
        assert changed == run(status, replace(RESULTS, **wanted))
    refusals = [
        RunChange(RunResults(), frozenset({"output"})),
        RunChange(RunResults(), frozenset({"error"})),
        RunChange(RunResults(), frozenset({"usage"})),
        RunChange(is_running=True),
    ]
    for change in refusals:
        with pytest.raises(RunEnded):
            change.apply(run(status))


def test_a_run_s_payloads_fit_together_after_each_change() -> None:
    half = Payload(data=b"x" * (LARGEST // 2))
    more = Payload(data=b"x" * (LARGEST // 2 + 1))
    before = run(input=half)
    changed = RunChange(RunResults(half), frozenset({"output"})).apply(before)
    ended = RunEnd(RunStatus.FAILED, half).apply(before, NOON)
    assert changed.results.output == ended.results.output == half
    with pytest.raises(LimitExceeded):
        RunChange(RunResults(more), frozenset({"output"})).apply(before)
    with pytest.raises(LimitExceeded):
        RunEnd(RunStatus.FAILED, more).apply(before, NOON)


@pytest.mark.parametrize("status", RunStatus)
@pytest.mark.parametrize("wanted", RunStatus)
def test_only_a_run_that_has_not_ended_ends(status: RunStatus, wanted: RunStatus) -> None:
    end = RunEnd(wanted)
    if wanted not in FINAL:
        refused("status", end.checked)
        return
    assert end.checked() == end
    if status in FINAL:
        with pytest.raises(TransitionNotAllowed):
            end.apply(run(status), NOON)
    else:
        assert end.apply(run(status), NOON + MINUTE) == run(wanted)


def test_an_end_takes_what_it_has_and_leaves_the_rest() -> None:
    end = RunEnd(RunStatus.FAILED, Payload(json="2"), "worse", TokenUsage(9))
    ended = end.checked().apply(run(), NOON + MINUTE)
    assert ended == run(
        RunStatus.FAILED, replace(RESULTS, output=Payload(json="2"), error="worse", usage=TokenUsage(9))
    )
    refused("output", RunEnd(RunStatus.FAILED, Payload()).checked)
    refused("error", RunEnd(RunStatus.FAILED, error="\0").checked)
    # No tokens are a number of tokens too.
    assert RunEnd(RunStatus.FAILED, usage=TokenUsage()).apply(run(), NOON).results.usage == TokenUsage()


def test_a_run_does_not_end_before_it_started() -> None:
    at_once = RunEnd(RunStatus.COMPLETED, end_time=NOON)
    assert at_once.apply(run(), NOON + MINUTE).end_time == NOON
    refused("end_time", RunEnd(RunStatus.COMPLETED, end_time=NOON - MOMENT).apply, run(), NOON + MINUTE)
    # The caller's clock may be ahead.
    assert RunEnd(RunStatus.COMPLETED).apply(run(), NOON - MINUTE).end_time == NOON


@pytest.mark.parametrize(
    ("completed", "failed", "rate"), [(0, 0, None), (3, 1, 0.75), (0, 2, 0.0), (2, 0, 1.0)]
)
def test_the_rate_of_success_is_of_what_completed_or_failed(
    completed: int, failed: int, rate: float | None
) -> None:
    summary = RunSummary(9, completed, failed, 5, None, None, TokenUsage())
    assert summary.success_rate == rate
