"""PlanService: to-do lists whose items can depend on each other."""

from __future__ import annotations

from holdfastdb.v1 import plan_service_pb2 as pb
from holdfastdb.v1.plan_service_pb2_grpc import PlanServiceServicer
from holdfastdb_server.domain.errors import PlanNotFound
from holdfastdb_server.domain.ids import check_id
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.rpc.context import Context, namespace
from holdfastdb_server.rpc.convert import paging, plans
from holdfastdb_server.rpc.convert.scalars import read_optional_count, read_precondition
from holdfastdb_server.rpc.services.missing import allowed_missing


class PlanService(PlanServiceServicer):
    """Implements the service as its `.proto` file says."""

    def __init__(self, store: Store) -> None:
        self._plans = store.plans

    async def CreatePlan(self, request: pb.CreatePlanRequest, context: Context) -> pb.CreatePlanResponse:
        plan = await self._plans.create(namespace(), plans.read_draft(request))
        return plans.write_plan(pb.CreatePlanResponse(), plan)

    async def GetPlan(self, request: pb.GetPlanRequest, context: Context) -> pb.GetPlanResponse:
        plan = await self._plans.get(namespace(), check_id("plan_id", request.plan_id))
        return plans.write_plan(pb.GetPlanResponse(), plan)

    async def ListPlans(self, request: pb.ListPlansRequest, context: Context) -> pb.ListPlansResponse:
        wanted, scope = paging.read_page(paging.PLANS, request)
        where = plans.read_filter(request)
        page = await self._plans.list(namespace(), where, wanted, omit_items=request.omit_items)
        return paging.write_page(plans.write_plans(page.items), scope, page)

    async def UpdatePlan(self, request: pb.UpdatePlanRequest, context: Context) -> pb.UpdatePlanResponse:
        plan = await self._plans.update(
            namespace(),
            check_id("plan.plan_id", request.plan.plan_id),
            plans.read_change(request),
            *read_precondition(request),
        )
        return plans.write_plan(pb.UpdatePlanResponse(), plan)

    async def UpdatePlanItem(
        self, request: pb.UpdatePlanItemRequest, context: Context
    ) -> pb.UpdatePlanItemResponse:
        plan = await self._plans.update_item(
            namespace(),
            check_id("plan_id", request.plan_id),
            plans.read_item_change(request),
            *read_precondition(request),
        )
        return plans.write_changed_item(plan, request.item.item_id)

    async def DeletePlan(self, request: pb.DeletePlanRequest, context: Context) -> pb.DeletePlanResponse:
        plan_id = check_id("plan_id", request.plan_id)
        expected_version = read_optional_count(request, "expected_version")
        with allowed_missing(request.allow_missing, PlanNotFound):
            await self._plans.delete(namespace(), plan_id, expected_version)
        return pb.DeletePlanResponse()
