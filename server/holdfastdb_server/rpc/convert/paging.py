"""Pages between protobuf and domain."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

from google.protobuf.message import Message
from msgspec.structs import replace

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


class PagedRequest(Protocol):
    """A request for a page of results in a fixed order."""

    @property
    def page_size(self) -> int: ...

    @property
    def page_token(self) -> str: ...


class ListRequest(PagedRequest, Protocol):
    """A request for a page of a list."""

    @property
    def order(self) -> int: ...

    @property
    def include_total_size(self) -> bool: ...


class PageResponse(Protocol):
    """A response with a page of results."""

    next_page_token: str


ResponseT = TypeVar("ResponseT", bound=PageResponse)


@dataclass(frozen=True, slots=True)
class Listing:
    """A list: the types of its cursor, its default order, and its default and maximum page size."""

    name: str
    cursor: tuple[type, ...]
    descending: bool = False
    size: int = limits.PAGE_SIZE
    max_size: int = limits.PAGE_SIZE_MAX


SESSIONS = Listing("ListSessions", (int, int), descending=True)
STATES = Listing("ListStates", (str, int))
EVENTS = Listing("ListEvents", (int,), size=limits.EVENT_PAGE_SIZE, max_size=limits.EVENT_PAGE_SIZE_MAX)
TASKS = Listing("ListTasks", (int, int), descending=True)
TRACE = Listing(
    "ListTrace", (int, int, int), size=limits.EVENT_PAGE_SIZE, max_size=limits.EVENT_PAGE_SIZE_MAX
)
RUNS = Listing("ListRuns", (int, int), descending=True)
APPROVALS = Listing("ListApprovals", (int, int), descending=True)
PLANS = Listing("ListPlans", (int, int), descending=True)
MEMORIES = Listing("ListMemories", (int, int), descending=True)
MATCHES = Listing("SearchMemories", (int, str, int, int), descending=True)
DOCUMENTS = Listing("ListDocuments", (str, str))
DOCUMENT_MATCHES = Listing("ListDocuments", (int, int, int))
COLLECTIONS = Listing("ListCollections", (str,))


def read_page(listing: Listing, request: ListRequest) -> tuple[PageRequest, bytes]:
    """Return the page to read, and the scope of its tokens: the list, the namespace and the filter."""
    page, scope = read_ranked_page(listing, request)
    descending = listing.descending
    if request.order:
        descending = read_enum("order", request.order, SortOrder) is SortOrder.DESCENDING
    return replace(page, descending=descending, with_total=request.include_total_size), scope


def read_ranked_page(listing: Listing, request: PagedRequest, *unbound: str) -> tuple[PageRequest, bytes]:
    """Do the same for results with a fixed order. The fields `unbound` may differ between pages."""
    size = check_page_size(request.page_size, listing.size, listing.max_size)
    bare = deepcopy(cast("Message", request))
    for field in ("page_size", "page_token", *unbound):
        bare.ClearField(field)
    scope = f"{listing.name}\0{namespace()}\0".encode() + bare.SerializeToString(deterministic=True)
    after = read_token(scope, request.page_token, listing.cursor)
    return PageRequest(size, after, listing.descending), scope


def write_page(response: ResponseT, scope: bytes, page: Page[Any]) -> ResponseT:
    """Return the response with the token of the next page, and the total size if it was requested."""
    response.next_page_token = write_token(scope, page.next)
    if page.total_size is not None:
        cast("Any", response).total_size = page.total_size
    return response
