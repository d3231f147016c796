"""The token of a page is good for its own list, namespace and filter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from holdfastdb.v1 import approval_service_pb2 as approval_pb
from holdfastdb.v1 import document_service_pb2 as document_pb
from holdfastdb.v1 import history_service_pb2 as history_pb
from holdfastdb.v1 import memory_service_pb2 as memory_pb
from holdfastdb.v1 import plan_service_pb2 as plan_pb
from holdfastdb.v1 import run_service_pb2 as run_pb
from holdfastdb.v1 import session_service_pb2 as session_pb
from holdfastdb.v1 import task_service_pb2 as task_pb
from holdfastdb_server.domain.errors import InvalidPageToken
from holdfastdb_server.domain.paging import PageRequest, write_token
from holdfastdb_server.rpc.context import Call, current_call
from holdfastdb_server.rpc.convert import paging
from holdfastdb_server.rpc.convert.paging import Listing, ListRequest

Request = ListRequest | memory_pb.SearchMemoriesRequest
REQUESTS: list[tuple[Listing, Callable[..., Request]]] = [
    (paging.SESSIONS, session_pb.ListSessionsRequest),
    (paging.STATES, session_pb.ListStatesRequest),
    (paging.EVENTS, history_pb.ListEventsRequest),
    (paging.TRACE, history_pb.ListEventsRequest),
    (paging.TASKS, task_pb.ListTasksRequest),
    (paging.RUNS, run_pb.ListRunsRequest),
    (paging.APPROVALS, approval_pb.ListApprovalsRequest),
    (paging.PLANS, plan_pb.ListPlansRequest),
    (paging.MEMORIES, memory_pb.ListMemoriesRequest),
    (paging.MATCHES, memory_pb.SearchMemoriesRequest),
    (paging.DOCUMENTS, document_pb.ListDocumentsRequest),
    (paging.DOCUMENT_MATCHES, document_pb.ListDocumentsRequest),
    (paging.COLLECTIONS, document_pb.ListCollectionsRequest),
]
EACH = pytest.mark.parametrize(("listing", "request_type"), REQUESTS)


@contextmanager
def called_in(namespace: str) -> Iterator[None]:
    """Answer a call that came with this namespace."""
    before = current_call.set(Call(namespace=namespace))
    try:
        yield
    finally:
        current_call.reset(before)


def read(listing: Listing, request: Request) -> tuple[PageRequest, bytes]:
    """Read a request as its service does."""
    if isinstance(request, memory_pb.SearchMemoriesRequest):
        return paging.read_ranked_page(listing, request)
    return paging.read_page(listing, request)


def token_for(listing: Listing, request: Request, namespace: str) -> str:
    """Return the token of the second page."""
    with called_in(namespace):
        _, scope = read(listing, request)
    return write_token(scope, tuple(kind() for kind in listing.cursor))


@EACH
def test_a_token_is_good_in_its_namespace_for_pages_of_any_size(
    listing: Listing, request_type: Callable[..., Request]
) -> None:
    token = token_for(listing, request_type(page_size=2), "here")
    with called_in("here"):
        page, _ = read(listing, request_type(page_size=3, page_token=token))
    assert (page.size, page.after) == (3, tuple(kind() for kind in listing.cursor))


@EACH
@pytest.mark.parametrize("elsewhere", ["there", "", "her", "here\0"])
def test_a_token_of_another_namespace_is_refused(
    listing: Listing, request_type: Callable[..., Request], elsewhere: str
) -> None:
    token = token_for(listing, request_type(), "here")
    with called_in(elsewhere), pytest.raises(InvalidPageToken):
        read(listing, request_type(page_token=token))


def test_a_token_of_another_list_is_refused() -> None:
    token = token_for(paging.EVENTS, history_pb.ListEventsRequest(), "here")
    other = Listing("ListOthers", paging.EVENTS.cursor)
    with called_in("here"), pytest.raises(InvalidPageToken):
        read(other, history_pb.ListEventsRequest(page_token=token))


def test_no_list_is_left_out() -> None:
    listings = [value for value in vars(paging).values() if isinstance(value, Listing)]
    assert {id(listing) for listing, _ in REQUESTS} == set(map(id, listings))
