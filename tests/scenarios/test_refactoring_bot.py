"""System 1: a bot finds technical debt in GitHub repositories, fixes it, opens pull requests, none twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import holdfastdb
from holdfastdb import Reason, Run, RunStatus, TaskStatus
from tests.scenarios.refactoring_bot import (
    FINDINGS,
    INSTALLATIONS,
    REPOSITORIES,
    SETTINGS,
    WEBHOOKS,
    RefactoringBot,
)
from tests.support.clients import connected
from tests.support.servers import ServerProcess


@pytest.fixture
def bot(client: holdfastdb.AsyncClient) -> RefactoringBot:
    return RefactoringBot(client)


def output(run: Run) -> Any:
    assert run.output is not None
    return run.output.value


async def types(client: holdfastdb.AsyncClient, **where: Any) -> list[str]:
    return [event.type async for event in client.history.list("repository/acme/shop", **where)]


async def test_from_the_webhook_to_the_pull_request_with_a_restart_between(
    bot: RefactoringBot, client: holdfastdb.AsyncClient, shared_server: ServerProcess
) -> None:
    """The whole story: installed, scanned, a restart in the middle, and the pull request opened once."""
    installation = {"id": 7, "account": "acme"}
    await bot.on_webhook("d-1", "installation", {"installation": installation, "repositories": ["acme/shop"]})
    (bounty,) = await bot.scan("acme/shop")
    await shared_server.restart()
    assert await bot.scan("acme/shop") == []
    done = await bot.work()
    assert done is not None
    assert (done.task_id, done.status, done.phase) == (bounty.task_id, TaskStatus.SUCCEEDED, "pull-request")
    assert await bot.work() is None
    scans = [run async for run in client.runs.list(kinds=["scan"])]
    assert [output(run)["bounties"] for run in scans] == [[], [bounty.task_id]]


async def test_installations_are_tracked_by_id_and_account(
    bot: RefactoringBot, client: holdfastdb.AsyncClient
) -> None:
    """Installations of its GitHub App: tracked by installation id and account ..."""
    await bot.install(7, "acme")
    await bot.install(8, "umbrella")
    assert (await client.documents.get(INSTALLATIONS, "7")).value == {"id": 7, "account": "acme"}
    found = [
        one.document_id
        async for one in client.documents.list(INSTALLATIONS, metadata={"account": "umbrella"})
    ]
    assert found == ["8"]


async def test_an_installation_is_got_or_created_once_when_webhooks_race(
    bot: RefactoringBot, client: holdfastdb.AsyncClient
) -> None:
    """... get-or-create, safe when webhooks race."""
    answers = await asyncio.gather(*(bot.install(7, "acme") for _ in range(32)))
    assert [is_new for _, is_new in answers].count(True) == 1
    assert len({(document.version, document.create_time) for document, _ in answers}) == 1


async def test_a_repository_belongs_to_an_installation_and_is_registered_by_its_webhook(
    bot: RefactoringBot, client: holdfastdb.AsyncClient
) -> None:
    """Repositories belong to an installation; registered automatically ..."""
    installation = {"id": 7, "account": "acme"}
    both = {"installation": installation, "repositories": ["acme/shop", "acme/site"]}
    await bot.on_webhook("d-1", "installation_repositories", both)
    parent = (INSTALLATIONS, "7")
    found = [one.document_id async for one in client.documents.list(REPOSITORIES, parent=parent)]
    assert found == ["acme/shop", "acme/site"]
    with pytest.raises(holdfastdb.FailedPrecondition) as caught:
        await client.documents.delete(*parent)
    assert caught.value.reason == Reason.DOCUMENT_HAS_CHILDREN
    assert await client.documents.delete(*parent, with_children=True) == 3


async def test_an_unknown_installation_is_a_clear_error(
    bot: RefactoringBot, client: holdfastdb.AsyncClient
) -> None:
    """... an unknown installation is a clear error ..., never a foreign-key crash ..."""
    with pytest.raises(holdfastdb.FailedPrecondition) as caught:
        await bot.register("acme/shop", 404)
    assert caught.value.reason == Reason.PARENT_NOT_FOUND
    assert "404" in caught.value.message
    with pytest.raises(holdfastdb.NotFound):
        await client.documents.get(REPOSITORIES, "acme/shop")


async def test_an_unknown_installation_is_created_in_the_same_call(
    bot: RefactoringBot, client: holdfastdb.AsyncClient
) -> None:
    """... or is created in the same call (also when webhooks race) ..."""
    calls = (bot.register(f"acme/shop-{number % 4}", 7, "acme") for number in range(32))
    answers = await asyncio.gather(*calls)
    assert [is_new for _, is_new in answers].count(True) == 4
    installation = await client.documents.get(INSTALLATIONS, "7")
    assert (installation.value, installation.version) == ({"id": 7, "account": "acme"}, 1)


async def test_the_active_flag_and_the_last_scan_time_are_kept(
    bot: RefactoringBot, client: holdfastdb.AsyncClient
) -> None:
    """... `active` flag and last-scan time are kept."""
    for repository in ("acme/shop", "acme/site"):
        await bot.register(repository, 7, "acme")
    await bot.scan("acme/shop")
    await client.documents.put(
        REPOSITORIES, "acme/site", {"active": False, "last_scan": None}, parent=(INSTALLATIONS, "7")
    )
    # A webhook that comes again changes nothing of it.
    shop, is_new = await bot.register("acme/shop", 7, "acme")
    assert not is_new
    assert datetime.now(UTC) - datetime.fromisoformat(shop.value["last_scan"]) < timedelta(minutes=5)
    active = [one.document_id async for one in client.documents.list(REPOSITORIES, content={"/active": True})]
    assert active == ["acme/shop"]
    never = [
        one.document_id async for one in client.documents.list(REPOSITORIES, content={"/last_scan": None})
    ]
    assert never == ["acme/site"]


async def test_every_scan_is_an_audit_record(bot: RefactoringBot, client: holdfastdb.AsyncClient) -> None:
    """Scan history: every scan of a repository is an audit record with start, end, status, and what it
    found."""
    await bot.register("acme/shop", 7, "acme")
    (bounty,) = await bot.scan("acme/shop")
    await bot.scan("acme/shop", findings=())
    empty, full = [run async for run in client.runs.list(kinds=["scan"], labels={"repository": "acme/shop"})]
    assert (full.status, output(full)) == (
        RunStatus.COMPLETED,
        {"findings": 1, "bounties": [bounty.task_id]},
    )
    assert (empty.status, empty.error) == (RunStatus.FAILED, "the repository is empty")
    for run in (full, empty):
        assert run.end_time is not None
        assert run.start_time <= run.end_time
    # It is in the repository's own history too, and cannot be changed any more.
    assert (await types(client, types=["holdfast.run.*"])).count("holdfast.run.started") == 2
    with pytest.raises(holdfastdb.FailedPrecondition):
        await client.runs.update(full.run_id, output={"findings": 0})


async def test_a_bounty_has_all_of_its_fields(bot: RefactoringBot, client: holdfastdb.AsyncClient) -> None:
    """Bounties (one unit of refactoring): target file and function, debt type, the code before and after,
    branch, pull-request number and URL, status."""
    await bot.offer("acme/shop", FINDINGS[0])
    await bot.work()
    (bounty,) = [task async for task in client.tasks.list(kinds=["bounty"])]
    before, after = bounty.value, bounty.result and bounty.result.value
    assert (before["file"], before["function"], before["debt"]) == ("shop/cart.py", "total", "long-function")
    assert before["code"] == "def total(): ..."
    assert after == {
        "after": "def total(): return sum(prices)",
        "branch": "refactor/total",
        "pull_request": 7,
        "url": "https://github.com/acme/shop/pull/7",
    }
    assert (bounty.status, bounty.phase, bounty.worker_id) == (TaskStatus.SUCCEEDED, "pull-request", "bot-1")


async def test_the_whole_life_of_a_bounty_is_recorded(
    bot: RefactoringBot, client: holdfastdb.AsyncClient
) -> None:
    """The whole life is recorded: scanning, refactoring, testing, pull request, or failed, with the
    reason."""
    good = await bot.offer("acme/shop", FINDINGS[0])
    assert good is not None
    assert good.phase == "scanning"
    await bot.work()
    bad = await bot.offer("acme/shop", FINDINGS[0])
    assert bad is not None
    failed = await bot.work(passes=False)
    assert failed is not None
    begun = ["holdfast.task.pending", "holdfast.task.running", "bounty.refactoring", "bounty.testing"]
    assert await types(client, task_id=good.task_id) == [
        *begun,
        "bounty.pull-request",
        "holdfast.task.succeeded",
    ]
    assert await types(client, task_id=bad.task_id) == [*begun, "holdfast.task.failed"]
    assert (failed.status, failed.phase, failed.error) == (TaskStatus.FAILED, "testing", "2 tests failed")
    told = client.history.list("repository/acme/shop", types=["holdfast.task.failed"])
    assert [event.value["error"] async for event in told] == ["2 tests failed"]


async def test_an_open_bounty_stops_a_second_one_for_its_target(
    bot: RefactoringBot, client: holdfastdb.AsyncClient, shared_server: ServerProcess
) -> None:
    """No duplicate pull requests: before work starts, an open bounty for the same target stops a second one
    ..., also after a restart."""
    bounty = await bot.offer("acme/shop", FINDINGS[0])
    assert bounty is not None
    assert await bot.offer("acme/shop", FINDINGS[0]) is None
    assert await bot.offer("acme/shop", {**FINDINGS[0], "function": "discount"}) is not None
    assert await bot.offer("acme/site", FINDINGS[0]) is not None
    await shared_server.restart()
    assert await bot.offer("acme/shop", FINDINGS[0]) is None
    lease = await client.tasks.claim(task_id=bounty.task_id)
    assert lease is not None
    assert await bot.offer("acme/shop", FINDINGS[0]) is None  # nor while it is worked on
    with pytest.raises(holdfastdb.AlreadyExists) as caught:
        await client.tasks.create("bounty", dedupe_key=bounty.dedupe_key)
    assert caught.value.metadata["task_id"] == bounty.task_id


async def test_of_two_workers_at_the_same_instant_one_takes_the_target(
    shared_server: ServerProcess, tenant: str
) -> None:
    """... also when two workers try at the same instant ..."""
    async with (
        connected(shared_server, namespace=tenant) as one,
        connected(shared_server, namespace=tenant) as other,
    ):
        bots = RefactoringBot(one, "bot-1"), RefactoringBot(other, "bot-2")
        await asyncio.gather(*(bot.offer("acme/shop", {**FINDINGS[0], "file": "warm-up"}) for bot in bots))
        for number in range(10):
            target = {**FINDINGS[0], "function": f"function-{number}"}
            offered = await asyncio.gather(*(bot.offer("acme/shop", target) for bot in bots))
            assert [bounty is None for bounty in offered].count(True) == 1
        # And each bounty is worked on by one of them.
        done = await asyncio.gather(*(bots[number % 2].work() for number in range(24)))
        assert len({task.task_id for task in done if task}) == 11
        assert done.count(None) == 24 - 11


@pytest.mark.parametrize("passes", [True, False])
async def test_once_it_is_closed_the_target_may_be_taken_again(passes: bool, bot: RefactoringBot) -> None:
    """Once it is closed, the target may be taken again."""
    first = await bot.offer("acme/shop", FINDINGS[0])
    assert first is not None
    await bot.work(passes)
    second = await bot.offer("acme/shop", FINDINGS[0])
    assert second is not None
    assert second.task_id != first.task_id


async def test_a_webhook_that_github_repeats_is_recorded_once(
    bot: RefactoringBot, client: holdfastdb.AsyncClient, shared_server: ServerProcess
) -> None:
    """Webhook events are recorded as they come, and a delivery repeated by GitHub is recorded once."""
    pushes = [
        {"installation": {"id": 7}, "ref": f"refs/heads/{number}", "n\u0000": 1.50} for number in range(3)
    ]
    for number, push in enumerate(pushes):
        await bot.on_webhook(f"d-{number}", "push", push)
    await asyncio.gather(
        *(bot.on_webhook(f"d-{number % 3}", "push", pushes[number % 3]) for number in range(12))
    )
    await shared_server.restart()
    await bot.on_webhook("d-0", "push", pushes[0])
    events = [event async for event in client.history.list(WEBHOOKS)]
    assert [(event.event_id, event.type) for event in events] == [(f"d-{n}", "github.push") for n in range(3)]
    assert [event.value for event in events] == pushes


async def test_in_test_mode_settings_are_overridden_for_one_job_only(
    bot: RefactoringBot, client: holdfastdb.AsyncClient
) -> None:
    """A test mode: configuration overridden for one job, without touching the stored one."""
    stored = await client.documents.put(SETTINGS, "default", {"model": "large", "open_pull_requests": True})
    trial = await bot.offer("acme/shop", FINDINGS[0], overrides={"open_pull_requests": False})
    usual = await bot.offer("acme/site", FINDINGS[0])
    assert trial is not None
    assert usual is not None
    assert await bot.settings(trial) == {"model": "large", "open_pull_requests": False}
    assert await bot.settings(usual) == {"model": "large", "open_pull_requests": True}
    assert await client.documents.get(SETTINGS, "default") == stored
