"""System 2 in small: an agent with a thinking loop. It uses the blocking client and its two managers."""

from __future__ import annotations

from typing import Any

import holdfastdb

MISSION = "Book a flight to Lisbon"

PLAN = [
    {"id": "search", "description": "Search flights", "acceptance_criteria": ["3 offers", "under 200 €"]},
    {"id": "book", "description": "Book the best", "dependencies": ["search"]},
]


class ThinkingAgent:
    """The framework's agent: it thinks, acts and observes, and keeps everything as it goes."""

    def __init__(self, client: holdfastdb.Client, session_id: str) -> None:
        self.session_id = session_id
        self.states = holdfastdb.StateManager(client)
        self.todos = holdfastdb.TodoListManager(client)
        self._client = client

    def begin(self, mission: str, user_id: str) -> None:
        """Take up a mission."""
        self.save({"mission": mission, "user_id": user_id, "status": "running", "steps": 0})

    def save(self, state: dict[str, Any]) -> int:
        """Save the state and return its version."""
        return self.states.save_state(self.session_id, state).version

    def load(self, version: int | None = None) -> dict[str, Any]:
        """Load the state that is there."""
        state = self.states.load_state(self.session_id, version)
        assert state is not None
        return state

    def step(self, thought: str, action: str, observation: str) -> None:
        """Go once round the loop."""
        state = self.load()
        state["steps"] += 1
        step_id = f"step-{state['steps']}"
        event = holdfastdb.Event.step(
            thought=thought, action=action, observation=observation, step_id=step_id, actor="agent"
        )
        self._client.history.append(self.session_id, event)
        self.save(state)

    def steps(self) -> list[tuple[str, str, str, str]]:
        """Return the steps so far, in order."""
        events = self._client.history.list(self.session_id, kinds=[holdfastdb.EventKind.STEP])
        bodies = [event.body for event in events]
        return [
            (it.step_id, it.thought, it.action, it.observation)
            for it in bodies
            if isinstance(it, holdfastdb.Step)
        ]

    def learn(self, lesson: str, **said: Any) -> None:
        """Keep a lesson for all sessions to come."""
        self._client.memories.create(lesson, session_id=self.session_id, **said)

    def recall(self, query: str, **wanted: Any) -> list[str]:
        """Return the lessons for a situation, the best first."""
        return [found.memory.lesson for found in self._client.memories.search(query, **wanted)]
