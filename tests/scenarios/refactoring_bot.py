"""System 1 in small: a bot that fixes technical debt in repositories."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import holdfastdb
from holdfastdb import DocumentDraft, Event, Reason, Task
from holdfastdb.types.documents import Document

INSTALLATIONS, REPOSITORIES, SETTINGS = "github/installations", "github/repositories", "bot/settings"
WEBHOOKS = "github-webhooks"

FINDINGS = (
    {"file": "shop/cart.py", "function": "total", "debt": "long-function", "code": "def total(): ..."},
)


class RefactoringBot:
    """The bot, as one of its processes runs it."""

    def __init__(self, client: holdfastdb.AsyncClient, name: str = "bot-1") -> None:
        self._client = client
        self._name = name

    async def on_webhook(self, delivery: str, kind: str, payload: Mapping[str, Any]) -> None:
        """Record what GitHub says, and react to it."""
        await self._client.sessions.create(WEBHOOKS, retention="never")
        event = Event.of(f"github.{kind}", payload, event_id=delivery, actor="github")
        await self._client.history.append(WEBHOOKS, event)
        installation = payload["installation"]
        if kind == "installation":
            await self.install(installation["id"], installation["account"])
        for repository in payload.get("repositories", ()):
            await self.register(repository, installation["id"], installation["account"])

    async def install(self, installation_id: int, account: str) -> tuple[Document, bool]:
        """Get or create an installation, and say whether it is new."""
        about = {"id": installation_id, "account": account}
        return await self._client.documents.get_or_create(
            INSTALLATIONS, str(installation_id), about, metadata={"account": account}
        )

    async def register(
        self, repository: str, installation_id: int, account: str | None = None
    ) -> tuple[Document, bool]:
        """Get or create a repository, and with an account its installation too."""
        return await self._client.documents.get_or_create(
            REPOSITORIES,
            repository,
            {"active": True, "last_scan": None},
            parent=(INSTALLATIONS, str(installation_id)),
            missing_parent=DocumentDraft({"id": installation_id, "account": account}) if account else None,
        )

    async def scan(self, repository: str, findings: tuple[dict[str, str], ...] = FINDINGS) -> list[Task]:
        """Scan a repository, and offer a bounty for each finding that nobody is at work on."""
        session = await self._client.sessions.create(f"repository/{repository}", retention="never")
        run = await self._client.runs.start(
            kind="scan",
            agent_id=self._name,
            session_id=session.session_id,
            labels={"repository": repository},
        )
        if not findings:
            await self._client.runs.fail(run.run_id, "the repository is empty")
            return []
        offered = [await self.offer(repository, finding) for finding in findings]
        bounties = [bounty for bounty in offered if bounty is not None]
        await self._client.runs.complete(
            run.run_id, {"findings": len(findings), "bounties": [bounty.task_id for bounty in bounties]}
        )
        known = await self._client.documents.get(REPOSITORIES, repository)
        scanned = {**known.value, "last_scan": datetime.now(UTC).isoformat()}
        await self._client.documents.put(
            REPOSITORIES, repository, scanned, parent=known.parent, expected_version=known.version
        )
        return bounties

    async def offer(
        self, repository: str, finding: Mapping[str, str], overrides: Mapping[str, object] | None = None
    ) -> Task | None:
        """Offer a bounty for a target, unless one is open."""
        session = await self._client.sessions.create(f"repository/{repository}", retention="never")
        try:
            return await self._client.tasks.create(
                "bounty",
                {"repository": repository, **finding, "overrides": overrides or {}},
                session_id=session.session_id,
                phase="scanning",
                dedupe_key=f"{repository}:{finding['file']}:{finding['function']}",
            )
        except holdfastdb.AlreadyExists as taken:
            if taken.reason != Reason.OPEN_TASK_EXISTS:
                raise
            return None

    async def settings(self, task: Task) -> Mapping[str, object]:
        """Return the settings for a job: the stored ones, and what was said for this job alone."""
        stored: dict[str, object] = (await self._client.documents.get(SETTINGS, "default")).value
        overrides: dict[str, object] = task.value["overrides"]
        return stored | overrides

    async def work(self, passes: bool = True) -> Task | None:
        """Take one bounty, and refactor, test and open a pull request."""
        lease = await self._client.tasks.claim(kinds=["bounty"], worker_id=self._name)
        if lease is None:
            return None
        async with lease:
            after = lease.task.value["code"].replace("...", "return sum(prices)")
            await self._reach(lease, "refactoring", {"after": after})
            await self._reach(lease, "testing", {"after": after, "branch": "refactor/total"})
            if not passes:
                return await lease.fail("2 tests failed")
            pull = {"pull_request": 7, "url": "https://github.com/acme/shop/pull/7"}
            result = {"after": after, "branch": "refactor/total", **pull}
            await self._reach(lease, "pull-request", result)
            return await lease.succeed(result)

    async def _reach(self, lease: holdfastdb.AsyncLease, phase: str, result: Mapping[str, object]) -> None:
        task = await lease.report(phase=phase, result=result)
        event = Event.of(f"bounty.{phase}", result, actor=self._name, task_id=task.task_id)
        await self._client.history.append(task.session_id, event)
