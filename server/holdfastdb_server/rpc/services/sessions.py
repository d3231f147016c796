"""SessionService: sessions, their life cycle and their states."""

from __future__ import annotations

from holdfastdb.v1 import session_service_pb2 as pb
from holdfastdb.v1.session_service_pb2_grpc import SessionServiceServicer
from holdfastdb_server.domain.errors import SessionNotFound
from holdfastdb_server.domain.ids import check_id, check_optional_id
from holdfastdb_server.domain.limits import Policy
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.rpc.context import Context, namespace
from holdfastdb_server.rpc.convert import paging, sessions, states
from holdfastdb_server.rpc.convert.scalars import read_optional_count, read_precondition
from holdfastdb_server.rpc.services.missing import allowed_missing


class SessionService(SessionServiceServicer):
    """Implements the service as its `.proto` file says."""

    def __init__(self, store: Store, policy: Policy) -> None:
        self._sessions = store.sessions
        self._states = store.states
        self._retention = policy.session_retention

    async def CreateSession(
        self, request: pb.CreateSessionRequest, context: Context
    ) -> pb.CreateSessionResponse:
        session = await self._sessions.create(namespace(), sessions.read_draft(request))
        return sessions.write_session(pb.CreateSessionResponse(), session, self._retention)

    async def GetSession(self, request: pb.GetSessionRequest, context: Context) -> pb.GetSessionResponse:
        session = await self._sessions.get(namespace(), check_id("session_id", request.session_id))
        return sessions.write_session(pb.GetSessionResponse(), session, self._retention)

    async def ListSessions(
        self, request: pb.ListSessionsRequest, context: Context
    ) -> pb.ListSessionsResponse:
        wanted, scope = paging.read_page(paging.SESSIONS, request)
        page = await self._sessions.list(namespace(), sessions.read_filter(request), wanted)
        return paging.write_page(sessions.write_sessions(page.items, self._retention), scope, page)

    async def UpdateSession(
        self, request: pb.UpdateSessionRequest, context: Context
    ) -> pb.UpdateSessionResponse:
        session = await self._sessions.update(
            namespace(),
            check_id("session.session_id", request.session.session_id),
            sessions.read_change(request),
            *read_precondition(request),
        )
        return sessions.write_session(pb.UpdateSessionResponse(), session, self._retention)

    async def TransitionSession(
        self, request: pb.TransitionSessionRequest, context: Context
    ) -> pb.TransitionSessionResponse:
        session = await self._sessions.transition(
            namespace(),
            check_id("session_id", request.session_id),
            sessions.read_transition(request),
            *read_precondition(request),
        )
        return sessions.write_session(pb.TransitionSessionResponse(), session, self._retention)

    async def DeleteSession(
        self, request: pb.DeleteSessionRequest, context: Context
    ) -> pb.DeleteSessionResponse:
        session_id = check_id("session_id", request.session_id)
        expected_version = read_optional_count(request, "expected_version")
        with allowed_missing(request.allow_missing, SessionNotFound):
            await self._sessions.delete(namespace(), session_id, expected_version)
        return pb.DeleteSessionResponse()

    async def ForkSession(self, request: pb.ForkSessionRequest, context: Context) -> pb.ForkSessionResponse:
        session_id = check_id("session_id", request.session_id)
        session = await self._sessions.fork(namespace(), session_id, sessions.read_fork(request))
        return sessions.write_session(pb.ForkSessionResponse(), session, self._retention)

    async def SaveState(self, request: pb.SaveStateRequest, context: Context) -> pb.SaveStateResponse:
        session_id = check_id("session_id", request.session_id)
        request_id = check_optional_id("request_id", request.request_id)
        saved = await self._states.save(namespace(), session_id, states.read_writes(request), request_id)
        return states.write_saved_states(session_id, saved)

    async def PatchState(self, request: pb.PatchStateRequest, context: Context) -> pb.PatchStateResponse:
        session_id = check_id("session_id", request.session_id)
        request_id = check_optional_id("request_id", request.request_id)
        state = await self._states.patch(namespace(), session_id, states.read_patch(request), request_id)
        return states.write_state(pb.PatchStateResponse(), session_id, state)

    async def LoadState(self, request: pb.LoadStateRequest, context: Context) -> pb.LoadStateResponse:
        session_id = check_id("session_id", request.session_id)
        version = read_optional_count(request, "version")
        state = await self._states.load(namespace(), session_id, states.read_key(request), version)
        return states.write_state(pb.LoadStateResponse(), session_id, state)

    async def ListStates(self, request: pb.ListStatesRequest, context: Context) -> pb.ListStatesResponse:
        session_id = check_id("session_id", request.session_id)
        wanted, scope = paging.read_page(paging.STATES, request)
        page = await self._states.list(namespace(), session_id, states.read_filter(request), wanted)
        return paging.write_page(states.write_states(session_id, page.items), scope, page)

    async def DeleteStates(
        self, request: pb.DeleteStatesRequest, context: Context
    ) -> pb.DeleteStatesResponse:
        session_id = check_id("session_id", request.session_id)
        count = await self._states.delete(namespace(), session_id, states.read_selection(request))
        return pb.DeleteStatesResponse(deleted_count=count)
