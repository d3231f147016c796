"""Pages between protobuf and domain."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from holdfast.v1 import history_service_pb2 as history_pb
from holdfast.v1 import payload_pb2
from holdfast.v1 import session_service_pb2 as session_pb
from holdfast.v1 import task_service_pb2 as task_pb
from holdfast_server.domain import limits
from holdfast_server.domain.paging import Page, PageRequest, check_page_size, read_token, write_token
from holdfast_server.rpc.call import namespace
from holdfast_server.rpc.values import read_choice

ListRequest: TypeAlias = (
    session_pb.ListSessionsRequest
    | session_pb.ListStatesRequest
    | history_pb.ListEventsRequest
    | task_pb.ListTasksRequest
)
ResponseT = TypeVar(
    "ResponseT",
    session_pb.ListSessionsResponse,
    session_pb.ListStatesResponse,
    history_pb.ListEventsResponse,
    task_pb.ListTasksResponse,
)


@dataclass(frozen=True, slots=True)
class Listing:
    """What the pages of one list are like. `cursor` is the shape of its cursor."""

    name: str
    cursor: tuple[type, ...]
    descending: bool = False
    size: int = limits.PAGE_SIZE
    max_size: int = limits.PAGE_SIZE_MAX


SESSIONS = Listing("ListSessions", (int, int), descending=True)
STATES = Listing("ListStates", (str, int))
EVENTS = Listing("ListEvents", (int,), size=limits.EVENT_PAGE_SIZE, max_size=limits.EVENT_PAGE_SIZE_MAX)
TASKS = Listing("ListTasks", (int, int), descending=True)
TRACE = Listing("ListTrace", (int, int), size=limits.EVENT_PAGE_SIZE, max_size=limits.EVENT_PAGE_SIZE_MAX)

_DESCENDING: dict[int, bool] = {
    payload_pb2.SORT_ORDER_ASCENDING: False,
    payload_pb2.SORT_ORDER_DESCENDING: True,
}


def read_page(listing: Listing, request: ListRequest) -> tuple[PageRequest, bytes]:
    """Return the wanted page, and what its tokens are bound to: the list, the namespace and the filter."""
    size = check_page_size(request.page_size, listing.size, listing.max_size)
    descending = read_choice("order", request.order, _DESCENDING) if request.order else listing.descending
    bare = deepcopy(request)
    bare.ClearField("page_size")
    bare.ClearField("page_token")
    scope = f"{listing.name}\0{namespace()}\0".encode() + bare.SerializeToString(deterministic=True)
    page = PageRequest(
        size=size,
        after=read_token(scope, request.page_token, listing.cursor),
        descending=descending,
        with_total=request.include_total_size,
    )
    return page, scope


def finish_page(response: ResponseT, scope: bytes, page: Page[Any]) -> ResponseT:
    """Return the response with what follows the items of a page."""
    response.next_page_token = write_token(scope, page.next)
    if page.total_size is not None:
        response.total_size = page.total_size
    return response
