"""RunStore.summarize: counts, rates, percentiles and tokens, the same on every engine."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

import pytest

from holdfastdb_server.domain.errors import LimitExceeded
from holdfastdb_server.domain.limits import RUN_TOKENS
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.runs.reports import RunFilter, RunGrouping, RunSummary
from holdfastdb_server.domain.runs.run import Run, RunStatus, TokenUsage
from tests.support.content import NAMESPACE, create
from tests.support.runs import NOON, start, take

AGENT, KIND, STATUS, TIME = RunGrouping
COMPLETED, FAILED, CANCELLED = RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED
HOUR = timedelta(hours=1)


async def summarize(
    store: Store, *groups: RunGrouping, bucket: int = 0, namespace: str = NAMESPACE, **where: Any
) -> list[RunSummary]:
    return list(await store.runs.summarize(namespace, RunFilter(**where), groups, bucket))


async def test_of_no_runs_there_is_no_group(store: Store) -> None:
    assert await summarize(store) == []
    assert await summarize(store, AGENT, TIME, bucket=60) == []


# Durations, and by hand: the least within which half, and 95 in 100, of them were done.
PERCENTILES: list[tuple[list[float], float | None, float | None]] = [
    ([], None, None),
    ([7], 7, 7),
    ([1, 2], 1, 2),
    ([3, 1, 2], 2, 3),
    ([4, 3, 2, 1], 2, 4),
    ([0, 0, 0, 0], 0, 0),
    (list(range(1, 20)), 10, 19),
    (list(range(1, 21)), 10, 19),
    (list(range(1, 22)), 11, 20),
    ([0.000_001, 0.000_002, 86_400.5], 0.000_002, 86_400.5),
]


async def test_percentiles_are_nearest_ranks_of_the_ended_runs(store: Store) -> None:
    for number, (durations, _, _) in enumerate(PERCENTILES):
        agent = f"a{number:02}"
        for place, duration in enumerate(durations):
            end = (COMPLETED, FAILED, CANCELLED)[place % 3]
            await take(store, f"{agent}-{place}", duration, agent_id=agent, end=end)
        # The open ones have no duration, and come before none.
        await take(store, f"{agent}-open", None, agent_id=agent)
    for summary, (durations, p50, p95) in zip(await summarize(store, AGENT), PERCENTILES, strict=True):
        assert summary.run_count == len(durations) + 1
        for actual, seconds in ((summary.p50_duration, p50), (summary.p95_duration, p95)):
            assert actual == (None if seconds is None else timedelta(seconds=seconds)), summary


async def test_counts_and_the_success_rate(store: Store) -> None:
    for number, end in enumerate([COMPLETED] * 3 + [FAILED] + [CANCELLED] * 2):
        await take(store, f"r{number}", 1, end=end)
    await take(store, "open", None)
    [summary] = await summarize(store)
    assert summary.run_count == 7
    assert (summary.completed_count, summary.failed_count, summary.cancelled_count) == (3, 1, 2)
    assert summary.success_rate == 0.75
    [open_ones] = await summarize(store, statuses=[RunStatus.STARTED])
    assert open_ones.success_rate is None
    [cancelled] = await summarize(store, statuses=[CANCELLED])
    assert cancelled.success_rate is None


async def test_tokens_are_summed(store: Store) -> None:
    for number in range(3):
        await start(store, f"r{number}", usage=TokenUsage(1, 10, 100, 1_000, RUN_TOKENS))
    await start(store, "none")
    [summary] = await summarize(store)
    assert summary.usage == TokenUsage(3, 30, 300, 3_000, 3 * RUN_TOKENS)


async def test_buckets_are_aligned_to_1970_and_go_by_the_start(store: Store) -> None:
    for number, time in enumerate((NOON, NOON + timedelta(minutes=59, seconds=59.999_999), NOON + HOUR)):
        await take(store, f"r{number}", 7_200, start_time=time)
    early = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=NOON.tzinfo)
    await start(store, "early", start_time=early)
    got = [(s.bucket_time, s.run_count) for s in await summarize(store, TIME, bucket=3_600)]
    assert got == [(early.replace(minute=0, second=0, microsecond=0), 1), (NOON, 2), (NOON + HOUR, 1)]


async def test_groups_come_by_bucket_agent_kind_and_status_ascending(store: Store) -> None:
    kinds = ["Z", "a", "é", "ｚ", "𐀀"]  # by bytes of UTF-8
    for number, kind in enumerate(kinds[::-1]):
        await start(store, f"r{number}", kind=kind, agent_id=kind)
    assert [s.kind for s in await summarize(store, KIND)] == kinds
    assert [s.agent_id for s in await summarize(store, AGENT)] == kinds
    await take(store, "done", 1)
    assert [s.status for s in await summarize(store, STATUS)] == [RunStatus.STARTED, COMPLETED]
    assert [s.agent_id for s in await summarize(store, AGENT)] == ["", *kinds]


def expected(runs: list[Run], groups: tuple[RunGrouping, ...], bucket: timedelta) -> list[RunSummary]:
    """The figures, told by Python."""
    epoch = datetime(1970, 1, 1, tzinfo=NOON.tzinfo)
    by_group: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        key = (
            run.start_time - (run.start_time - epoch) % bucket if TIME in groups else None,
            run.agent_id if AGENT in groups else "",
            run.kind if KIND in groups else "",
            list(RunStatus).index(run.status) if STATUS in groups else None,
        )
        by_group.setdefault(key, []).append(run)
    return [_figures(key, members) for key, members in sorted(by_group.items())]


def _figures(key: tuple[Any, ...], runs: list[Run]) -> RunSummary:
    time, agent, kind, status = key
    durations = sorted(run.end_time - run.start_time for run in runs if run.end_time)

    def percentile(percent: int) -> timedelta | None:
        return durations[-(-len(durations) * percent // 100) - 1] if durations else None

    return RunSummary(
        run_count=len(runs),
        completed_count=sum(run.status is COMPLETED for run in runs),
        failed_count=sum(run.status is FAILED for run in runs),
        cancelled_count=sum(run.status is CANCELLED for run in runs),
        p50_duration=percentile(50),
        p95_duration=percentile(95),
        usage=TokenUsage(input_tokens=sum(run.results.usage.input_tokens for run in runs)),
        agent_id=agent,
        kind=kind,
        status=None if status is None else list(RunStatus)[status],
        bucket_time=time,
    )


async def test_any_combination_of_groups_has_the_figures_that_python_tells(store: Store) -> None:
    chance = random.Random(7)
    for number in range(120):
        seconds = chance.choice([None, *(chance.randrange(50) / 8 for _ in range(4))])
        await take(
            store,
            f"r{number}",
            seconds,
            end=chance.choice([COMPLETED, FAILED, CANCELLED]),
            agent_id=chance.choice(["", "a", "b"]),
            kind=chance.choice(["scan", "agent"]),
            start_time=NOON + timedelta(minutes=chance.randrange(300)),
            usage=TokenUsage(input_tokens=chance.randrange(1_000)),
        )
    await start(store, "hidden", namespace="other")
    runs = [await store.runs.get(NAMESPACE, f"r{number}") for number in range(120)]
    for count in range(5):
        for groups in combinations(RunGrouping, count):
            got = await summarize(store, *groups, bucket=5_400 if TIME in groups else 0)
            assert got == expected(runs, groups, timedelta(seconds=5_400))


async def test_only_runs_that_match_the_filter_count(store: Store) -> None:
    await create(store)
    await take(store, "a", 1, session_id="s", labels={"k": "1"}, metadata={"n": 1})
    await take(store, "b", 9, start_time=NOON + HOUR)
    for where in (
        {"session_id": "s"},
        {"labels": {"k": "1"}},
        {"metadata": {"n": 1}},
        {"started_until": NOON + HOUR},
    ):
        [summary] = await summarize(store, **where)
        assert (summary.run_count, summary.p95_duration) == (1, timedelta(seconds=1))


async def test_too_many_groups_raise_limit_exceeded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfastdb_server.domain.limits.SUMMARY_GROUPS", 3)
    for number in range(6):
        await start(store, f"r{number}", agent_id=f"a{number % 3}", kind=f"k{number}")
    assert len(await summarize(store, AGENT)) == 3
    with pytest.raises(LimitExceeded) as caught:
        await summarize(store, KIND)
    # It counts no further than it must.
    assert caught.value.metadata["actual"] == "4"
