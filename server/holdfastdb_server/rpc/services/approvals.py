"""ApprovalService: requests that a person or an agent approves or rejects."""

from __future__ import annotations

from holdfastdb.v1 import approval_service_pb2 as pb
from holdfastdb.v1.approval_service_pb2_grpc import ApprovalServiceServicer
from holdfastdb_server.domain.ids import check_id, check_optional_id
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.rpc.context import Context, namespace
from holdfastdb_server.rpc.convert import approvals, paging


class ApprovalService(ApprovalServiceServicer):
    """Implements the service as its `.proto` file says."""

    def __init__(self, store: Store) -> None:
        self._approvals = store.approvals

    async def RequestApproval(
        self, request: pb.RequestApprovalRequest, context: Context
    ) -> pb.RequestApprovalResponse:
        approval = await self._approvals.request(namespace(), approvals.read_approval_request(request))
        return approvals.write_approval(pb.RequestApprovalResponse(), approval)

    async def DecideApproval(
        self, request: pb.DecideApprovalRequest, context: Context
    ) -> pb.DecideApprovalResponse:
        approval = await self._approvals.decide(
            namespace(),
            check_id("approval_id", request.approval_id),
            approvals.read_decision(request),
            check_optional_id("request_id", request.request_id),
        )
        return approvals.write_approval(pb.DecideApprovalResponse(), approval)

    async def CancelApproval(
        self, request: pb.CancelApprovalRequest, context: Context
    ) -> pb.CancelApprovalResponse:
        approval = await self._approvals.decide(
            namespace(),
            check_id("approval_id", request.approval_id),
            approvals.read_cancellation(request),
            check_optional_id("request_id", request.request_id),
        )
        return approvals.write_approval(pb.CancelApprovalResponse(), approval)

    async def GetApproval(self, request: pb.GetApprovalRequest, context: Context) -> pb.GetApprovalResponse:
        approval = await self._approvals.get(namespace(), check_id("approval_id", request.approval_id))
        return approvals.write_approval(pb.GetApprovalResponse(), approval)

    async def ListApprovals(
        self, request: pb.ListApprovalsRequest, context: Context
    ) -> pb.ListApprovalsResponse:
        wanted, scope = paging.read_page(paging.APPROVALS, request)
        page = await self._approvals.list(namespace(), approvals.read_filter(request), wanted)
        return paging.write_page(approvals.write_approvals(page.items), scope, page)

    async def WaitApproval(
        self, request: pb.WaitApprovalRequest, context: Context
    ) -> pb.WaitApprovalResponse:
        approval_id = check_id("approval_id", request.approval_id)
        approval = await self._approvals.wait(namespace(), approval_id, approvals.read_wait(request))
        return approvals.write_approval(pb.WaitApprovalResponse(), approval)
