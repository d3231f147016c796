"""Guarantee 2: each field of each request is checked, and refused by its path.

The limits stand here as they are documented, not as the server defines them.
"""

from __future__ import annotations

import re
from typing import Any

import grpc
import pytest
from google.protobuf import duration_pb2, field_mask_pb2, struct_pb2, timestamp_pb2
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

import holdfastdb
from holdfastdb._transport.rpc_errors import from_rpc_error
from tests.hostile.requests import METHODS, Place, lists, places
from tests.support.waiting import PATIENCE

# They are refused before any storage sees them.
pytestmark = pytest.mark.parametrize("engine", ["sqlite"])

BAD_VALUES: dict[int | str, Any] = {
    FieldDescriptor.TYPE_STRING: "a\0b",
    FieldDescriptor.TYPE_ENUM: 99,
    "Duration": duration_pb2.Duration(seconds=1, nanos=-1),
    "FieldMask": field_mask_pb2.FieldMask(paths=["no_such_field"]),
    "Struct": struct_pb2.Struct(fields={"a\0b": struct_pb2.Value(bool_value=True)}),
    "Timestamp": timestamp_pb2.Timestamp(nanos=-1),
}
# A batch answers each of its requests on its own.
CHECKED = [name for name in METHODS if name != "BatchAppendEvents"]
UNCHECKED = (
    # Words to look for, and texts of any characters.
    r"\w+ query",
    r"\w+ events\[0]\.message\.parts\[0]\.(text|tool_call\.arguments|tool_call_response\.response)",
    r"\w+ events\[0]\.step\.(thought|action|observation)",
    # What is only in answers, and ignored in requests.
    r"\w+ approval\.(status|decided_by|reason|response\.\w+|\w+_time)",
    r"\w+ (document|documents\[0]|missing_parent)\.\w+_time",
    r"\w+ events\[0]\.(session_id|create_time)",
    r"\w+ memory\.\w+_time",
    r"\w+ plan\.(create_time|update_time|items\[0]\.update_time)",
    r"\w+ (edits\[0]\.put|item)\.update_time",
    r"\w+ run\.(create|update|end)_time",
    r"StartRun run\.status",
    r"\w+ session\.(status|status_reason|\w+_time)",
    r"\w+ task\.(status|worker_id|lease_expire_time|(create|update|start|end)_time)",
    # What no update changes.
    r"UpdatePlan plan\.session_id",
    r"UpdateRun run\.(session_id|parent_run_id|task_id|agent_id|kind|trace_id|start_time|input\.\w+)",
    r"UpdateSession session\.parent_session_id",
    r"UpdateTask task\.(session_id|kind|idempotency_key|dedupe_key|trace_id)",
)
"""RPCs and paths in their requests of which any value is accepted."""

# JSON, an opaque token, and what has to agree with another field.
OF_A_FORM = (
    r".*\.json",
    r".*_json",
    r".* merge_patch",
    r".* page_token",
    r".* content_filters\[0]\.pointer",
    r"PutDocument (document\.parent|missing_parent)\.(collection|document_id)",
    r"SyncDocuments documents\[0]\.collection",
    r"UpdatePlan edits\[0]\.move",
)
LENGTHS = {
    1_000: r".*labels\['k']|.*\bdedupe_key|.*\btitle",
    1_024: r"(.*\.)?key|keys\.keys\[0]|key_(after|before|prefix)",
    4_000: r".*\breason|.*\bacceptance_criteria\[0]",
    16_000: r".*\.(description|context)",
    65_536: r".*\blesson|.*\berror",
}
"""The lengths of texts in characters; of a state's key in bytes. Ids, names, kinds and media types: 255."""
# The items of a plan are counted when its edits are done.
UNCOUNTED = (r"\w+ plan\.items",)
COUNTS = {
    64: r".*\blabels|content_filters",
    1_000: r"events|documents|edits|events\[0]\.message\.parts",
}
"""The numbers of elements in lists. Of others 100."""


def _matches(method: str, place: Place, patterns: tuple[str, ...]) -> bool:
    return any(re.fullmatch(pattern, f"{method} {place.path}") for pattern in patterns)


async def _refused(client: holdfastdb.AsyncClient, method: MethodDescriptor, request: Message) -> list[str]:
    """Return the paths that the error of a call names; none if it has no error, or another."""
    kind = client.channel.unary_stream if method.server_streaming else client.channel.unary_unary
    call: Any = kind(f"/{method.containing_service.full_name}/{method.name}", type(request).SerializeToString)
    answer = call(request, metadata=client.call_metadata(), timeout=PATIENCE)
    try:
        await (answer.read() if method.server_streaming else answer)
    except grpc.aio.AioRpcError as error:
        return [violation.field for violation in from_rpc_error(error).field_violations]
    return []


@pytest.mark.parametrize("name", CHECKED)
async def test_a_bad_value_is_refused_by_the_path_of_its_field(
    client: holdfastdb.AsyncClient, name: str
) -> None:
    for place in places(METHODS[name]):
        refused = await _refused(client, place.method, place.request(BAD_VALUES[place.kind]))
        assert refused == ([] if _matches(name, place, UNCHECKED) else [place.path]), place.path


@pytest.mark.parametrize("name", CHECKED)
async def test_a_text_may_be_as_long_as_documented_and_no_longer(
    client: holdfastdb.AsyncClient, name: str
) -> None:
    for place in places(METHODS[name]):
        if place.kind != FieldDescriptor.TYPE_STRING or _matches(name, place, (*UNCHECKED, *OF_A_FORM)):
            continue
        largest = next((size for size, path in LENGTHS.items() if re.fullmatch(path, place.path)), 255)
        assert await _refused(client, place.method, place.request("x" * largest)) == [], place.path
        too_long = place.request("x" * (largest + 1))
        assert await _refused(client, place.method, too_long) == [place.path], place.path


@pytest.mark.parametrize("name", CHECKED)
async def test_a_list_may_have_as_many_elements_as_documented_and_no_more(
    client: holdfastdb.AsyncClient, name: str
) -> None:
    for place in lists(METHODS[name]):
        if _matches(name, place, UNCOUNTED):
            continue
        largest = next((count for count, path in COUNTS.items() if re.fullmatch(path, place.path)), 100)
        assert await _refused(client, place.method, place.request(largest)) == [], place.path
        too_many = place.request(largest + 1)
        assert await _refused(client, place.method, too_many) == [place.path], place.path
