"""System 3 in small: an orchestrator that routes tasks between agents in roles."""

from __future__ import annotations

from typing import Any

import holdfastdb
from holdfastdb import ApprovalStatus, Event, Session, Task


class Orchestrator:
    """The orchestrator: one session for an assignment, tasks between roles, and every step audited."""

    def __init__(self, client: holdfastdb.AsyncClient, session_id: str = "assignment") -> None:
        self._client = client
        self.session_id = session_id

    async def begin(self, role: str = "planner", **about: Any) -> Session:
        """Open the session."""
        await self._client.sessions.create(self.session_id, agent_id=role, **about)
        return await self._client.sessions.activate(self.session_id, actor=role)

    async def delegate(self, kind: str, sender: str, receiver: str, payload: object, key: str = "") -> Task:
        """Send a task from one role to another, once for each key."""
        return await self._client.tasks.create(
            kind,
            payload,
            session_id=self.session_id,
            from_role=sender,
            to_role=receiver,
            idempotency_key=key,
            trace_id="trace-1",
        )

    async def do(self, role: str) -> Task | None:
        """Have a role do its next task, which needs an approval if it is a deployment."""
        lease = await self._client.tasks.claim(role=role, session_id=self.session_id, worker_id=role)
        if lease is None:
            return None
        async with lease:
            task = lease.task
            await self.audit(role, f"{task.kind}.begun", task.value, task.trace_id)
            if task.kind == "deploy" and not await self.ask(role, task):
                return await lease.fail("not approved")
            return await lease.succeed({"done": task.kind})

    async def ask(self, role: str, task: Task) -> bool:
        """Ask for an approval of a task, and wait for the answer."""
        asked = await self._client.approvals.request(
            f"approval-of-{task.task_id}",
            title=f"May I {task.kind}?",
            payload=task.value,
            session_id=task.session_id,
            task_id=task.task_id,
            requested_by=role,
            trace_id=task.trace_id,
        )
        return (await self._client.approvals.wait(asked.approval_id)).is_approved

    async def audit(self, actor: str, action: str, details: object, trace_id: str) -> None:
        """Record who did what."""
        event = Event.of(action, details, actor=actor, trace_id=trace_id)
        await self._client.history.append(self.session_id, event)


async def pending(client: holdfastdb.AsyncClient) -> list[holdfastdb.Approval]:
    """All questions that are open, as a person's dashboard shows them."""
    return [one async for one in client.approvals.list(statuses=[ApprovalStatus.PENDING])]
