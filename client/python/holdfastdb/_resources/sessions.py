"""Sessions and their life cycle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from holdfastdb._convert.enums import to_enum, to_enums, to_order
from holdfastdb._convert.messages import build, to_labels
from holdfastdb._convert.sessions import from_session, to_retention
from holdfastdb._convert.structs import to_struct
from holdfastdb._convert.times import to_timestamp
from holdfastdb._convert.updates import to_update
from holdfastdb._ids import id_or_new, new_id
from holdfastdb._transport.channel import Connection
from holdfastdb._transport.paging import AsyncPager, paged
from holdfastdb.types.pages import Order
from holdfastdb.types.sessions import Retention, Session, SessionStatus
from holdfastdb.v1 import session_service_pb2 as pb


class AsyncSessions:
    """`client.sessions`. Every method may raise Unavailable, DeadlineExceeded and InvalidArgument too."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(
        self,
        session_id: str | None = None,
        *,
        user_id: str = "",
        agent_id: str = "",
        title: str = "",
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, object] | None = None,
        parent_session_id: str = "",
        task_id: str = "",
        retention: Retention | None = None,
        timeout: float | None = None,
    ) -> Session:
        """Create a session, PENDING at first. Without a `session_id` it gets a new one.

            session = await client.sessions.create(user_id="u-1", labels={"team": "support"})

        Repeating a `session_id` with the same content returns the session as it is now; with other content it
        raises AlreadyExists. `retention` is how long the session may be inactive before it expires, or
        `"never"`.
        Raises NotFound if the parent does not exist.
        """
        message = build(
            "",
            pb.Session,
            session_id=new_id() if session_id is None else session_id,
            user_id=user_id,
            agent_id=agent_id,
            title=title,
            labels=to_labels(labels),
            metadata=to_struct(metadata),
            parent_session_id=parent_session_id,
            task_id=task_id,
            **to_retention(retention),
        )
        request = pb.CreateSessionRequest(session=message)
        stub = self._connection.stubs.sessions
        return from_session((await self._connection.call(stub.CreateSession, request, timeout)).session)

    async def get(self, session_id: str, *, timeout: float | None = None) -> Session:
        """The session. Raises NotFound."""
        request = build("", pb.GetSessionRequest, session_id=session_id)
        stub = self._connection.stubs.sessions
        return from_session((await self._connection.call(stub.GetSession, request, timeout)).session)

    def list(
        self,
        *,
        statuses: Iterable[SessionStatus] = (),
        user_id: str = "",
        agent_id: str = "",
        parent_session_id: str = "",
        task_id: str = "",
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, object] | None = None,
        create_time_from: datetime | None = None,
        create_time_until: datetime | None = None,
        order: Order | None = None,
        page_size: int = 0,
        page_token: str = "",
        include_total_size: bool = False,
        timeout: float | None = None,
    ) -> AsyncPager[Session]:
        """Sessions by creation time, newest first unless `order` says otherwise. All given filters must hold.

            async for session in client.sessions.list(user_id="u-1", statuses=[SessionStatus.ACTIVE]):
                print(session.title)

        `labels` and the top-level members of `metadata` must be there with these values. `create_time_until`
        is exclusive. `page_size` is 20 unless given, at most 100; `timeout` holds for each page.
        """
        request = build(
            "",
            pb.ListSessionsRequest,
            page_size=page_size,
            page_token=page_token,
            order=to_order(order),
            include_total_size=include_total_size,
            statuses=to_enums(pb.SessionStatus, statuses, "statuses"),
            user_id=user_id,
            agent_id=agent_id,
            parent_session_id=parent_session_id,
            task_id=task_id,
            labels=to_labels(labels),
            metadata=to_struct(metadata),
            create_time_from=to_timestamp(create_time_from, "create_time_from"),
            create_time_until=to_timestamp(create_time_until, "create_time_until"),
        )
        return paged(
            self._connection,
            lambda stubs: stubs.sessions.ListSessions,
            request,
            timeout,
            lambda page: map(from_session, page.sessions),
        )

    async def update(
        self,
        session_id: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        task_id: str | None = None,
        title: str | None = None,
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, object] | None = None,
        retention: Retention | Literal["default"] | None = None,
        replace: bool = False,
        expected_version: int | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Session:
        """Change the fields that are given, and return the session as it is then.

            await client.sessions.update("order-42", title="Refund", metadata={"step": 3, "draft": None})
            await client.sessions.update("order-42", title="", labels={}, replace=True)

        Without `replace`, `labels` are added to and `metadata` is merged (RFC 7396: None removes its key).
        With `replace`, each field that is given becomes exactly that, also when it is empty;
        `retention="default"`, the server's default, needs it. Concurrent updates are applied one after the
        other, none is lost. Raises NotFound, VersionMismatch.
        """
        changes = {
            "user_id": user_id,
            "agent_id": agent_id,
            "task_id": task_id,
            "title": title,
            "labels": to_labels(labels),
            "metadata": to_struct(metadata),
            **to_retention(None if retention == "default" else retention),
        }
        request = to_update(
            pb.UpdateSessionRequest,
            "session",
            pb.Session,
            {"session_id": session_id},
            changes,
            cleared=("retention", "never_expires") if retention == "default" else (),
            replace=replace,
            expected_version=expected_version,
            request_id=request_id,
        )
        stub = self._connection.stubs.sessions
        return from_session((await self._connection.call(stub.UpdateSession, request, timeout)).session)

    async def transition(
        self,
        session_id: str,
        status: SessionStatus,
        *,
        reason: str = "",
        actor: str = "",
        expected_version: int | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Session:
        """Move a session along its life cycle: PENDING to ACTIVE or EXPIRED; ACTIVE to COMPLETED, FAILED or
        EXPIRED.

        `reason` and `actor` are kept in its history, in the event `holdfast.session.<status>`. `activate`,
        `complete`, `fail` and `expire` are shorter forms.
        Raises NotFound, FailedPrecondition for a move that the life cycle does not have, VersionMismatch.
        """
        request = build(
            "",
            pb.TransitionSessionRequest,
            session_id=session_id,
            status=to_enum(pb.SessionStatus, status, "status"),
            reason=reason,
            actor=actor,
            expected_version=expected_version,
            request_id=id_or_new(request_id),
        )
        stub = self._connection.stubs.sessions
        return from_session((await self._connection.call(stub.TransitionSession, request, timeout)).session)

    async def activate(
        self, session_id: str, *, reason: str = "", actor: str = "", timeout: float | None = None
    ) -> Session:
        """PENDING to ACTIVE: an agent is at work. See `transition`."""
        status = SessionStatus.ACTIVE
        return await self.transition(session_id, status, reason=reason, actor=actor, timeout=timeout)

    async def complete(
        self, session_id: str, *, reason: str = "", actor: str = "", timeout: float | None = None
    ) -> Session:
        """ACTIVE to COMPLETED: ended well. See `transition`."""
        status = SessionStatus.COMPLETED
        return await self.transition(session_id, status, reason=reason, actor=actor, timeout=timeout)

    async def fail(
        self, session_id: str, *, reason: str = "", actor: str = "", timeout: float | None = None
    ) -> Session:
        """ACTIVE to FAILED: ended badly. See `transition`."""
        status = SessionStatus.FAILED
        return await self.transition(session_id, status, reason=reason, actor=actor, timeout=timeout)

    async def expire(
        self, session_id: str, *, reason: str = "", actor: str = "", timeout: float | None = None
    ) -> Session:
        """PENDING or ACTIVE to EXPIRED; nothing is deleted. See `transition`."""
        status = SessionStatus.EXPIRED
        return await self.transition(session_id, status, reason=reason, actor=actor, timeout=timeout)

    async def delete(
        self,
        session_id: str,
        *,
        allow_missing: bool = False,
        expected_version: int | None = None,
        timeout: float | None = None,
    ) -> None:
        """Delete a session with everything that belongs to it, at once and for good.

        Raises VersionMismatch, and NotFound unless `allow_missing`: when the first response is lost, the
        retry finds no session.
        """
        request = build(
            "",
            pb.DeleteSessionRequest,
            session_id=session_id,
            expected_version=expected_version,
            allow_missing=allow_missing,
        )
        await self._connection.call(self._connection.stubs.sessions.DeleteSession, request, timeout)

    async def fork(
        self,
        session_id: str,
        new_session_id: str | None = None,
        *,
        sequence: int | None = None,
        title: str = "",
        timeout: float | None = None,
    ) -> Session:
        """Copy a session, up to and with `sequence` where it is given, into a new PENDING one.

            retry = await client.sessions.fork("order-42", sequence=17)

        The copy has the fields, the events (same ids, same sequences) and the states saved by then (same
        versions). An empty `title` means the source's. Raises NotFound, AlreadyExists.
        """
        request = build(
            "",
            pb.ForkSessionRequest,
            session_id=session_id,
            new_session_id=new_id() if new_session_id is None else new_session_id,
            sequence=sequence,
            title=title,
        )
        stub = self._connection.stubs.sessions
        return from_session((await self._connection.call(stub.ForkSession, request, timeout)).session)
