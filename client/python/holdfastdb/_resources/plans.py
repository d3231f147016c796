"""To-do lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from holdfastdb._arguments import require_optional_texts
from holdfastdb._convert.enums import to_enum, to_enums, to_order
from holdfastdb._convert.messages import build, to_labels
from holdfastdb._convert.payloads import to_optional_payload
from holdfastdb._convert.plans import from_item, from_plan, from_progress, to_edits, to_items
from holdfastdb._convert.structs import to_struct
from holdfastdb._convert.times import to_timestamp
from holdfastdb._convert.updates import to_update
from holdfastdb._ids import new_id
from holdfastdb._transport.channel import Connection
from holdfastdb._transport.paging import AsyncPager, paged
from holdfastdb.types.pages import Order
from holdfastdb.types.plans import NewPlanItem, Plan, PlanEdit, PlanItemStatus, PlanStatus, UpdatedItem
from holdfastdb.v1 import plan_service_pb2 as pb


class AsyncPlans:
    """`client.plans`. Every method may raise Unavailable, DeadlineExceeded and InvalidArgument too."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(
        self,
        items: Iterable[NewPlanItem | str] = (),
        *,
        plan_id: str | None = None,
        session_id: str = "",
        title: str = "",
        status: PlanStatus = PlanStatus.PENDING,
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, object] | None = None,
        timeout: float | None = None,
    ) -> Plan:
        """Create a plan with its items, of a session or of none. Without a `plan_id` it gets a new one.

            plan = await client.plans.create(
                [
                    NewPlanItem("Write a failing test", item_id="test"),
                    NewPlanItem("Fix the bug", depends_on=["test"], acceptance_criteria=["The test passes"]),
                ],
                session_id="order-42",
            )

        Repeating a `plan_id` with the same content returns the plan as it is now; with other content it
        raises AlreadyExists. Raises NotFound if the session, or an item that another depends on, does not
        exist; FailedPrecondition if items depend on themselves; ResourceExhausted.
        """
        plan = build(
            "",
            pb.Plan,
            plan_id=new_id() if plan_id is None else plan_id,
            session_id=session_id,
            title=title,
            status=to_enum(pb.PlanStatus, status, "status"),
            items=to_items(items),
            labels=to_labels(labels),
            metadata=to_struct(metadata),
        )
        stub = self._connection.stubs.plans
        request = pb.CreatePlanRequest(plan=plan)
        return from_plan((await self._connection.call(stub.CreatePlan, request, timeout)).plan)

    async def get(self, plan_id: str, *, timeout: float | None = None) -> Plan:
        """The plan with its items. Raises NotFound."""
        request = build("", pb.GetPlanRequest, plan_id=plan_id)
        stub = self._connection.stubs.plans
        return from_plan((await self._connection.call(stub.GetPlan, request, timeout)).plan)

    def list(
        self,
        *,
        statuses: Iterable[PlanStatus] = (),
        session_id: str = "",
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, object] | None = None,
        create_time_from: datetime | None = None,
        create_time_until: datetime | None = None,
        omit_items: bool = False,
        order: Order | None = None,
        page_size: int = 0,
        page_token: str = "",
        include_total_size: bool = False,
        timeout: float | None = None,
    ) -> AsyncPager[Plan]:
        """Plans by creation time, newest first unless `order` says otherwise. All given filters must hold.

            async for plan in client.plans.list(session_id="order-42", omit_items=True):
                print(plan.title, plan.progress.completed, "of", plan.progress.total)

        `labels` and the top-level members of `metadata` must be there with these values. `create_time_until`
        is exclusive. `page_size` is 20 unless given, at most 100; `timeout` holds for each page.
        """
        request = build(
            "",
            pb.ListPlansRequest,
            page_size=page_size,
            page_token=page_token,
            order=to_order(order),
            include_total_size=include_total_size,
            omit_items=omit_items,
            statuses=to_enums(pb.PlanStatus, statuses, "statuses"),
            session_id=session_id,
            labels=to_labels(labels),
            metadata=to_struct(metadata),
            create_time_from=to_timestamp(create_time_from, "create_time_from"),
            create_time_until=to_timestamp(create_time_until, "create_time_until"),
        )
        return paged(
            self._connection,
            lambda stubs: stubs.plans.ListPlans,
            request,
            timeout,
            lambda page: map(from_plan, page.plans),
        )

    async def update(
        self,
        plan_id: str,
        *,
        title: str | None = None,
        status: PlanStatus | None = None,
        items: Iterable[NewPlanItem | str] | None = None,
        edits: Iterable[PlanEdit] = (),
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, object] | None = None,
        replace: bool = False,
        actor: str = "",
        expected_version: int | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Plan:
        """Change the fields that are given, and the items: all at once by `items`, or some of them by
        `edits`, which are applied in order.

            await client.plans.update("plan-7", status=PlanStatus.ACTIVE)
            await client.plans.update("plan-7", edits=[PutItem("Call the customer", 1), RemoveItem("mail")])

        Items that are replaced by the same ones keep their versions. Without `replace`, `labels` are added to
        and `metadata` is merged (RFC 7396: None removes its key). With `replace`, each field that is given
        becomes exactly that, also when it is empty. `expected_version` is the plan's. Each new status is in
        the session's history. Raises NotFound, also for an item, FailedPrecondition if items depend on
        themselves, VersionMismatch, ResourceExhausted.
        """
        changes = {
            "title": title,
            "status": None if status is None else to_enum(pb.PlanStatus, status, "status"),
            "items": None if items is None else to_items(items),
            "labels": to_labels(labels),
            "metadata": to_struct(metadata),
        }
        request = to_update(
            pb.UpdatePlanRequest,
            "plan",
            pb.Plan,
            {"plan_id": plan_id},
            changes,
            replace=replace,
            expected_version=expected_version,
            request_id=request_id,
            edits=to_edits(edits),
            actor=actor,
        )
        stub = self._connection.stubs.plans
        return from_plan((await self._connection.call(stub.UpdatePlan, request, timeout)).plan)

    async def update_item(
        self,
        plan_id: str,
        item_id: str,
        *,
        status: PlanItemStatus | None = None,
        result: object = None,
        description: str | None = None,
        acceptance_criteria: Iterable[str] | None = None,
        depends_on: Iterable[str] | None = None,
        metadata: Mapping[str, object] | None = None,
        replace: bool = False,
        actor: str = "",
        expected_version: int | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> UpdatedItem:
        """Change the fields of one item that are given. Concurrent changes of other items do not conflict.

            done = await client.plans.update_item(
                "plan-7", "fix", status=PlanItemStatus.COMPLETED, result={"commit": "1f3a"}
            )
            print(done.progress.ready, "can be taken up now")

        `result` is any JSON value, bytes, `Json` or `Data`. Without `replace`, `metadata` is merged
        (RFC 7396) and nothing can be emptied. `expected_version` is the item's. A new status is in the
        session's history. Raises NotFound, FailedPrecondition if items depend on themselves, VersionMismatch,
        ResourceExhausted.
        """
        changes = {
            "description": description,
            "acceptance_criteria": require_optional_texts(acceptance_criteria, "acceptance_criteria"),
            "depends_on": require_optional_texts(depends_on, "depends_on"),
            "status": None if status is None else to_enum(pb.PlanItemStatus, status, "status"),
            "result": to_optional_payload(result, "result"),
            "metadata": to_struct(metadata),
        }
        request = to_update(
            pb.UpdatePlanItemRequest,
            "item",
            pb.PlanItem,
            {"item_id": item_id},
            changes,
            replace=replace,
            expected_version=expected_version,
            request_id=request_id,
            plan_id=plan_id,
            actor=actor,
        )
        stub = self._connection.stubs.plans
        answer = await self._connection.call(stub.UpdatePlanItem, request, timeout)
        return UpdatedItem(from_item(answer.item), from_progress(answer.progress), answer.plan_version)

    async def delete(
        self,
        plan_id: str,
        *,
        allow_missing: bool = False,
        expected_version: int | None = None,
        timeout: float | None = None,
    ) -> None:
        """Delete a plan with its items, at once and for good.

        Raises VersionMismatch, and NotFound unless `allow_missing`: use it where a call may be repeated after
        the plan was deleted.
        """
        request = build(
            "",
            pb.DeletePlanRequest,
            plan_id=plan_id,
            expected_version=expected_version,
            allow_missing=allow_missing,
        )
        await self._connection.call(self._connection.stubs.plans.DeletePlan, request, timeout)
