"""The manager of states: one state a session, with the four methods that agent frameworks call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from holdfastdb._arguments import refused, require, require_count, require_mapping
from holdfastdb._client import AsyncClient
from holdfastdb.errors import AlreadyExists, FailedPrecondition, NotFound, Reason
from holdfastdb.types._encoding import encode_json
from holdfastdb.types.payloads import Json
from holdfastdb.types.sessions import Session, SessionStatus
from holdfastdb.types.states import State

_STATUSES: Mapping[str, SessionStatus] = {
    **{status.value: status for status in SessionStatus if status is not SessionStatus.UNRECOGNIZED},
    "running": SessionStatus.ACTIVE,
    "in_progress": SessionStatus.ACTIVE,
    "done": SessionStatus.COMPLETED,
    "success": SessionStatus.COMPLETED,
    "error": SessionStatus.FAILED,
}
"""What the words in a state's `status` mean for its session."""
_TITLE_LENGTH = 1_000


class AsyncStateManager:
    """Saves and loads whole states, one a session:

        manager = holdfastdb.AsyncStateManager(client)
        await manager.save_state("s-1", {"mission": "Find a flight", "status": "active", "steps": []})
        state = await manager.load_state("s-1")

    A state is a JSON object. Its `mission`, `status` and `user_id` are the session's too, which is created
    when it is new. `status` is a SessionStatus, its value or one of running, in_progress (both ACTIVE), done,
    success (COMPLETED) and error (FAILED). `statuses` says what further words mean.
    """

    def __init__(self, client: AsyncClient, *, statuses: Mapping[str, SessionStatus] | None = None) -> None:
        self._client = require(client, AsyncClient, "client", "an AsyncClient")
        self._statuses: dict[str, SessionStatus] = {
            **_STATUSES,
            **require_mapping({} if statuses is None else statuses, "statuses"),
        }

    async def save_state(self, session_id: str, state: Mapping[str, Any]) -> State:
        """Save the state as the next version, and return that with its number.

        A new session is created with the state's mission and user id. The session is moved to the state's
        status, if it has one, by the moves of the life cycle. A session that has ended takes no other state:
        raises FailedPrecondition then, and for a move that the life cycle does not have.
        """
        payload = Json(encode_json(dict(require_mapping(state, "state")), "state"))
        wanted = self._status_of(state)
        try:
            session = await self._client.sessions.get(session_id)
        except NotFound:
            session = await self._create(session_id, state)
        # A session that has ended takes no state: a final transition comes after the save, any other before.
        if wanted is not None and not wanted.is_final:
            await self._move(session, wanted)
        saved = await self._save(session_id, payload)
        if wanted is not None and wanted.is_final:
            await self._move(session, wanted)
        return saved

    async def load_state(self, session_id: str, version: int | None = None) -> dict[str, Any] | None:
        """The latest state, or that version of it; None where there is none."""
        try:
            state = await self._client.states.load(session_id, version=version)
        except NotFound:
            return None
        value: dict[str, Any] = state.value
        return value

    async def delete_state(self, session_id: str) -> bool:
        """Delete the session with everything that belongs to it. Whether it existed."""
        try:
            await self._client.sessions.delete(session_id)
        except NotFound:
            return False
        return True

    async def list_sessions(
        self, *, user_id: str = "", statuses: Iterable[SessionStatus] = (), limit: int = 100
    ) -> Sequence[Session]:
        """The newest sessions, at most `limit`. The mission is in `title`."""
        sessions: list[Session] = []
        size = min(require_count(limit, "limit"), 100)
        pager = self._client.sessions.list(user_id=user_id, statuses=statuses, page_size=size)
        async for session in pager:
            if len(sessions) >= limit:
                break
            sessions.append(session)
        return sessions

    def _status_of(self, state: Mapping[str, Any]) -> SessionStatus | None:
        word = state.get("status")
        if word is None:
            return None
        try:
            return self._statuses[str(getattr(word, "value", word)).lower()]
        except KeyError:
            known = ", ".join(self._statuses)
            raise refused(
                "state.status", f"{word!r} is not one of {known}: say what it means with `statuses`"
            ) from None

    async def _create(self, session_id: str, state: Mapping[str, Any]) -> Session:
        title = " ".join(str(state.get("mission") or "").split())[:_TITLE_LENGTH]
        user_id = str(state.get("user_id") or "")
        try:
            return await self._client.sessions.create(session_id, title=title, user_id=user_id)
        except AlreadyExists:
            # Created concurrently, with another state.
            return await self._client.sessions.get(session_id)

    async def _save(self, session_id: str, payload: Json) -> State:
        try:
            return await self._client.states.save(session_id, payload)
        except FailedPrecondition as error:
            if error.reason != Reason.SESSION_ENDED:
                raise
            # The same state again, such as after a lost response: not an error.
            latest = await self._client.states.load(session_id)
            if latest.value != payload.value:
                raise
            return latest

    async def _move(self, session: Session, wanted: SessionStatus) -> None:
        for step in _steps(session.status, wanted):
            try:
                session = await self._client.sessions.transition(session.session_id, step)
            except FailedPrecondition:
                # A concurrent call may have made the same transition.
                session = await self._client.sessions.get(session.session_id)
                if session.status not in (step, wanted):
                    raise


def _steps(current: SessionStatus, wanted: SessionStatus) -> Sequence[SessionStatus]:
    """The transitions from one status to another. The server decides whether they are allowed."""
    if current is wanted:
        return ()
    if current is SessionStatus.PENDING and wanted in (SessionStatus.COMPLETED, SessionStatus.FAILED):
        return (SessionStatus.ACTIVE, wanted)
    return (wanted,)
