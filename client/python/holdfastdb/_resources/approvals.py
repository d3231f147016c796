"""Approvals: decisions of a person or an agent, and the wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import grpc

from holdfastdb._arguments import require_optional_seconds
from holdfastdb._convert.approvals import from_approval
from holdfastdb._convert.enums import to_enum, to_enums, to_order
from holdfastdb._convert.messages import build, to_labels
from holdfastdb._convert.payloads import to_optional_payload
from holdfastdb._convert.times import to_duration, to_timestamp, to_wait
from holdfastdb._ids import id_or_new, new_id
from holdfastdb._transport.channel import Connection
from holdfastdb._transport.paging import AsyncPager, paged
from holdfastdb._transport.retries import backoff
from holdfastdb.errors import HoldfastError
from holdfastdb.types.approvals import Approval, ApprovalStatus
from holdfastdb.types.pages import Order
from holdfastdb.v1 import approval_service_pb2 as pb

# Seconds that one call waits; a longer wait takes several calls, because proxies end idle calls.
_ROUND = 60.0
# A server that stops cancels the calls that it has not begun.
_LOST = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


class AsyncApprovals:
    """`client.approvals`. Every method may raise Unavailable, DeadlineExceeded and InvalidArgument too."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def request(
        self,
        approval_id: str | None = None,
        *,
        title: str = "",
        payload: object = None,
        session_id: str = "",
        task_id: str = "",
        run_id: str = "",
        requested_by: str = "",
        approver: str = "",
        labels: Mapping[str, str] | None = None,
        trace_id: str = "",
        ttl: timedelta | None = None,
        timeout: float | None = None,
    ) -> Approval:
        """Ask for a decision. Without an `approval_id` it gets a new one.

            asked = await client.approvals.request(title="Refund 40 €?", payload={"amount": 40})
            decided = await client.approvals.wait(asked.approval_id)
            if decided.is_approved: ...

        Repeating an `approval_id` with the same content returns the approval as it is now; with other content
        it raises AlreadyExists. `payload` is any JSON value, bytes, `Json` or `Data`; None is no payload.
        When the `ttl` is over, it is EXPIRED and cannot be decided. Raises NotFound if the session does not
        exist.
        """
        approval = build(
            "",
            pb.Approval,
            approval_id=new_id() if approval_id is None else approval_id,
            title=title,
            payload=to_optional_payload(payload, "payload"),
            session_id=session_id,
            task_id=task_id,
            run_id=run_id,
            requested_by=requested_by,
            approver=approver,
            labels=to_labels(labels),
            trace_id=trace_id,
            ttl=to_duration(ttl, "ttl"),
        )
        stub = self._connection.stubs.approvals
        request = pb.RequestApprovalRequest(approval=approval)
        return from_approval((await self._connection.call(stub.RequestApproval, request, timeout)).approval)

    async def decide(
        self,
        approval_id: str,
        status: ApprovalStatus,
        decided_by: str,
        *,
        reason: str = "",
        response: object = None,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Approval:
        """Decide: APPROVED or REJECTED, once and for good. `approve` and `reject` are shorter forms.

        `response` is for the requester, such as corrected arguments. Raises NotFound, ResourceExhausted,
        and FailedPrecondition if it is no longer pending: the error's metadata has the `status`.
        """
        request = build(
            "",
            pb.DecideApprovalRequest,
            approval_id=approval_id,
            status=to_enum(pb.ApprovalStatus, status, "status"),
            decided_by=decided_by,
            reason=reason,
            response=to_optional_payload(response, "response"),
            request_id=id_or_new(request_id),
        )
        stub = self._connection.stubs.approvals
        return from_approval((await self._connection.call(stub.DecideApproval, request, timeout)).approval)

    async def approve(
        self,
        approval_id: str,
        decided_by: str,
        *,
        reason: str = "",
        response: object = None,
        timeout: float | None = None,
    ) -> Approval:
        """Decide: APPROVED. See `decide`."""
        status = ApprovalStatus.APPROVED
        return await self.decide(
            approval_id, status, decided_by, reason=reason, response=response, timeout=timeout
        )

    async def reject(
        self,
        approval_id: str,
        decided_by: str,
        *,
        reason: str = "",
        response: object = None,
        timeout: float | None = None,
    ) -> Approval:
        """Decide: REJECTED. See `decide`."""
        status = ApprovalStatus.REJECTED
        return await self.decide(
            approval_id, status, decided_by, reason=reason, response=response, timeout=timeout
        )

    async def cancel(
        self,
        approval_id: str,
        *,
        actor: str = "",
        reason: str = "",
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Approval:
        """Withdraw the request. Raises NotFound, and FailedPrecondition if it is no longer pending."""
        request = build(
            "",
            pb.CancelApprovalRequest,
            approval_id=approval_id,
            actor=actor,
            reason=reason,
            request_id=id_or_new(request_id),
        )
        stub = self._connection.stubs.approvals
        return from_approval((await self._connection.call(stub.CancelApproval, request, timeout)).approval)

    async def get(self, approval_id: str, *, timeout: float | None = None) -> Approval:
        """The approval. Raises NotFound."""
        request = build("", pb.GetApprovalRequest, approval_id=approval_id)
        stub = self._connection.stubs.approvals
        return from_approval((await self._connection.call(stub.GetApproval, request, timeout)).approval)

    def list(
        self,
        *,
        statuses: Iterable[ApprovalStatus] = (),
        session_id: str = "",
        task_id: str = "",
        run_id: str = "",
        requested_by: str = "",
        approver: str = "",
        decided_by: str = "",
        trace_id: str = "",
        labels: Mapping[str, str] | None = None,
        create_time_from: datetime | None = None,
        create_time_until: datetime | None = None,
        omit_payload: bool = False,
        order: Order | None = None,
        page_size: int = 0,
        page_token: str = "",
        include_total_size: bool = False,
        timeout: float | None = None,
    ) -> AsyncPager[Approval]:
        """Approvals by the time of their request, newest first unless `order` says otherwise.

            async for approval in client.approvals.list(statuses=[ApprovalStatus.PENDING], approver="ada"):
                print(approval.title)

        All given filters must hold. `create_time_until` is exclusive. `omit_payload` leaves payload and
        response out. `page_size` is 20 unless given, at most 100; `timeout` holds for each page.
        """
        request = build(
            "",
            pb.ListApprovalsRequest,
            page_size=page_size,
            page_token=page_token,
            order=to_order(order),
            include_total_size=include_total_size,
            omit_payload=omit_payload,
            statuses=to_enums(pb.ApprovalStatus, statuses, "statuses"),
            session_id=session_id,
            task_id=task_id,
            run_id=run_id,
            requested_by=requested_by,
            approver=approver,
            decided_by=decided_by,
            trace_id=trace_id,
            labels=to_labels(labels),
            create_time_from=to_timestamp(create_time_from, "create_time_from"),
            create_time_until=to_timestamp(create_time_until, "create_time_until"),
        )
        return paged(
            self._connection,
            lambda stubs: stubs.approvals.ListApprovals,
            request,
            timeout,
            lambda page: map(from_approval, page.approvals),
        )

    async def wait(self, approval_id: str, *, give_up_after: float | None = None) -> Approval:
        """The approval, the moment it is no longer pending, however long that takes.

        With `give_up_after` seconds it may come back still PENDING. A lost connection is made again; where
        there was none, it is tried for the client's `timeout`. Then, or when it is time to give up, it raises
        Unavailable. Raises NotFound, also when the approval is deleted meanwhile; ResourceExhausted.
        """
        require_optional_seconds(give_up_after, "give_up_after")
        loop = asyncio.get_running_loop()
        give_up = None if give_up_after is None else loop.time() + give_up_after
        first_answer: float | None = loop.time() + self._connection.timeout
        failures = 0
        while True:
            left = None if give_up is None else max(0.0, give_up - loop.time())
            seconds = _ROUND if left is None else min(left, _ROUND)
            try:
                approval = await self._wait_once(approval_id, seconds)
            except HoldfastError as lost:
                if self._connection.closed or lost.code not in _LOST:
                    raise
                pause = backoff(failures, lost)
                failures += 1
                limits = [limit for limit in (give_up, first_answer) if limit is not None]
                if any(loop.time() + pause > limit for limit in limits):
                    raise
                await asyncio.sleep(pause)
                continue
            failures, first_answer = 0, None
            if approval.status.is_final or seconds == left:
                return approval

    async def _wait_once(self, approval_id: str, seconds: float) -> Approval:
        request = build(
            "",
            pb.WaitApprovalRequest,
            approval_id=approval_id,
            wait=to_wait(seconds, "give_up_after"),
        )
        stub = self._connection.stubs.approvals
        timeout = seconds + self._connection.timeout
        return from_approval((await self._connection.call(stub.WaitApproval, request, timeout)).approval)
