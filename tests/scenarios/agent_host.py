"""System 4 in small: a host that keeps configurations and conversations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import holdfastdb
from holdfastdb import Event, EventKind
from holdfastdb.types.documents import SyncResult
from tests.support.waiting import patient

KINDS = ("agents", "workflows", "custom_workflows")

Chat = dict[str, Any]
"""A message as models take it: role, and content that is any JSON."""


class AgentHost:
    """The host. Its one flag is where Holdfast is, or that there is none."""

    def __init__(
        self, directory: Path, holdfast_target: str | None = None, namespace: str = "default"
    ) -> None:
        self._directory = directory
        self._client = (
            holdfastdb.connect(holdfast_target, namespace=namespace, timeout=patient(10))
            if holdfast_target
            else None
        )
        self.configurations: dict[tuple[str, str], Any] = {}
        self._conversations: dict[tuple[str, str], list[Chat]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()

    async def start(self, *, prune: bool = False) -> Mapping[str, SyncResult]:
        """Read all configurations; bring those that Holdfast has up to date, and say what that took."""
        synced: dict[str, SyncResult] = {}
        for kind in KINDS:
            for file in (self._directory / kind).glob("*.json"):
                self.configurations[kind, file.stem] = json.loads(file.read_text())
            if self._client is not None:
                synced[kind] = await self._client.documents.sync_directory(
                    self._directory / kind, prune=prune
                )
        return synced

    async def register(self, kind: str, name: str, configuration: object) -> None:
        """Take up one more agent or workflow while running."""
        self.configurations[kind, name] = configuration
        if self._client is not None:
            await self._client.documents.put(kind, name, configuration)

    async def chat(self, agent: str, session: str, text: str, *, include_history: bool = True) -> str:
        """Have an agent answer. Its model here only counts what it is shown."""
        before = await self.load(agent, session) if include_history else []
        shown = [*before, {"role": "user", "content": text}]
        answer = f"{agent} was shown {len(shown)}"
        await self.save(agent, session, [*shown, {"role": "assistant", "content": answer}])
        return answer

    async def load(self, agent: str, session: str) -> list[Chat]:
        """Load an agent's conversation."""
        if self._client is None:
            return list(self._conversations.get((agent, session), ()))
        try:
            return [
                to_chat(event) async for event in self._client.history.list(f"{agent}/{session}", **MESSAGES)
            ]
        except holdfastdb.NotFound:
            return []

    async def save(self, agent: str, session: str, messages: Sequence[Chat]) -> None:
        """Save an agent's full conversation in the place of what was there."""
        if self._client is None:
            self._conversations[agent, session] = list(messages)
            return
        await self._client.sessions.create(f"{agent}/{session}", agent_id=agent)
        events = [to_event(message) for message in messages]
        await self._client.history.replace(f"{agent}/{session}", events, kinds=[EventKind.MESSAGE])


MESSAGES: Any = {"kinds": [EventKind.MESSAGE], "page_size": 1_000}


def to_event(message: Chat) -> Event:
    """A text is a text; any other content is one part of JSON."""
    content = message["content"]
    return Event.message(
        message["role"], content if isinstance(content, str) else [holdfastdb.OtherPart(json.dumps(content))]
    )


def to_chat(event: Event) -> Chat:
    assert isinstance(event.body, holdfastdb.Message)
    (part,) = event.body.parts
    content = json.loads(part.json_text) if isinstance(part, holdfastdb.OtherPart) else event.body.text
    return {"role": event.body.role, "content": content}
