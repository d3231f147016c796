"""Guarantee 2: each field of each request is checked, and refused by its path."""

from __future__ import annotations

import re
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

import holdfastdb
from holdfastdb._transport.rpc_errors import from_rpc_error
from tests.hostile.requests import METHODS, bad_requests
from tests.support.waiting import PATIENCE

# They are refused before any storage sees them.
pytestmark = pytest.mark.parametrize("engine", ["sqlite"])

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
    for path, request in bad_requests(METHODS[name]):
        accepted = any(re.fullmatch(pattern, f"{name} {path}") for pattern in UNCHECKED)
        assert await _refused(client, METHODS[name], request) == ([] if accepted else [path]), path
