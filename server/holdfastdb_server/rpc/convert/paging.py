"""Pages between protobuf and domain."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from msgspec.structs import replace

from holdfastdb.v1 import approval_service_pb2 as approval_pb
from holdfastdb.v1 import document_service_pb2 as document_pb
from holdfastdb.v1 import history_service_pb2 as history_pb
from holdfastdb.v1 import memory_service_pb2 as memory_pb
from holdfastdb.v1 import plan_service_pb2 as plan_pb
from holdfastdb.v1 import run_service_pb2 as run_pb
from holdfastdb.v1 import session_service_pb2 as session_pb
from holdfastdb.v1 import task_service_pb2 as task_pb
from holdfastdb_server.domain import limits
from holdfastdb_server.domain.paging import (
    Page,
    PageRequest,
    SortOrder,
    check_page_size,
    read_token,
    write_token,
)
from holdfastdb_server.rpc.context import namespace
from holdfastdb_server.rpc.convert.enums import read_enum

ListRequest: TypeAlias = (
    session_pb.ListSessionsRequest
    | session_pb.ListStatesRequest
    | history_pb.ListEventsRequest
    | run_pb.ListRunsRequest
    | approval_pb.ListApprovalsRequest
    | task_pb.ListTasksRequest
    | plan_pb.ListPlansRequest
    | memory_pb.ListMemoriesRequest
    | document_pb.ListDocumentsRequest
    | document_pb.ListCollectionsRequest
)
ResponseT = TypeVar(
    "ResponseT",
    session_pb.ListSessionsResponse,
    session_pb.ListStatesResponse,
    history_pb.ListEventsResponse,
    run_pb.ListRunsResponse,
    approval_pb.ListApprovalsResponse,
    task_pb.ListTasksResponse,
    plan_pb.ListPlansResponse,
    memory_pb.ListMemoriesResponse,
    document_pb.ListDocumentsResponse,
    document_pb.ListCollectionsResponse,
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
RUNS = Listing("ListRuns", (int, int), descending=True)
APPROVALS = Listing("ListApprovals", (int, int), descending=True)
PLANS = Listing("ListPlans", (int, int), descending=True)
MEMORIES = Listing("ListMemories", (int, int), descending=True)
MATCHES = Listing("SearchMemories", (int, str, int, int), descending=True)
DOCUMENTS = Listing("ListDocuments", (str, str))
FOUND_DOCUMENTS = Listing("ListDocuments", (int, int, int))
COLLECTIONS = Listing("ListCollections", (str,))


def read_page(listing: Listing, request: ListRequest) -> tuple[PageRequest, bytes]:
    """Return the wanted page, and what its tokens are bound to: the list, the namespace and the filter."""
    page, scope = _read_page(listing, request)
    descending = listing.descending
    if request.order:
        descending = read_enum("order", request.order, SortOrder) is SortOrder.DESCENDING
    return replace(page, descending=descending, with_total=request.include_total_size), scope


def read_ranked_page(listing: Listing, request: memory_pb.SearchMemoriesRequest) -> tuple[PageRequest, bytes]:
    """The same for a list that is in the order of its ranking."""
    return _read_page(listing, request, "request_id")


def _read_page(
    listing: Listing, request: ListRequest | memory_pb.SearchMemoriesRequest, *unbound: str
) -> tuple[PageRequest, bytes]:
    size = check_page_size(request.page_size, listing.size, listing.max_size)
    bare = deepcopy(request)
    for field in ("page_size", "page_token", *unbound):
        bare.ClearField(field)  # type: ignore[arg-type]  # each message's own names
    scope = f"{listing.name}\0{namespace()}\0".encode() + bare.SerializeToString(deterministic=True)
    after = read_token(scope, request.page_token, listing.cursor)
    return PageRequest(size, after, listing.descending), scope


def finish_page(response: ResponseT, scope: bytes, page: Page[Any]) -> ResponseT:
    """Return the response with what follows the items of a page."""
    response.next_page_token = write_token(scope, page.next)
    if page.total_size is not None:
        response.total_size = page.total_size
    return response


def finish_ranked_page(
    response: memory_pb.SearchMemoriesResponse, scope: bytes, page: Page[Any]
) -> memory_pb.SearchMemoriesResponse:
    """The same for a list that is in the order of its ranking."""
    response.next_page_token = write_token(scope, page.next)
    return response
