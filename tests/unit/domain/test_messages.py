"""Messages and steps: their parts count together, and each is checked by its path."""

from __future__ import annotations

from typing import Any

import pytest

from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.messages import (
    Blob,
    Message,
    OtherPart,
    Part,
    Step,
    Text,
    ToolCall,
    ToolCallResponse,
    check_message,
    check_step,
)

LARGEST = 3 * 1024 * 1024
FILLER = "é" * (LARGEST // 2 - 20)
# Each has 10 bytes.
PARTS: dict[str, Part] = {
    "text": Text("é" * 5),
    "tool_call": ToolCall("id", "name", "é" * 5),
    "tool_call_response": ToolCallResponse("id", "name", "é" * 5),
    "blob": Blob("m/t", "image", b"x" * 10),
    "other_json": OtherPart('"éééé"'),
}


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS.keys())
def test_the_parts_of_a_message_fit_together(part: Part) -> None:
    parts = (Text(FILLER), part, Text("x" * 20), part)
    check_message("m", Message("user", parts))
    for larger in ((*parts, Text("x")), (Text("x"), *parts)):
        with pytest.raises(InvalidField) as refusal:
            check_message("m", Message("user", larger))
        assert refusal.value.field == "m"
        assert refusal.value.problem.startswith(f"has {LARGEST + 1} bytes")


def test_other_members_of_a_message_count_in_bytes() -> None:
    extra = ' {"é": 1}'
    fitting = Text("x" * (LARGEST - len(extra.encode())))
    check_message("m", Message("user", (fitting,), extra_json=extra))
    with pytest.raises(InvalidField):
        check_message("m", Message("user", (fitting,), extra_json=extra + " "))


@pytest.mark.parametrize("field", ["thought", "action", "observation"])
def test_the_texts_of_a_step_fit_together(field: str) -> None:
    texts = {"thought": FILLER, "action": FILLER[:10], "observation": FILLER[:10]}
    check_step("s", Step(**texts))
    texts[field] += "x"
    with pytest.raises(InvalidField) as refusal:
        check_step("s", Step(**texts))
    assert refusal.value.field == "s"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"role": ""}, "m.role"),
        ({"role": "\0"}, "m.role"),
        ({"name": "\0"}, "m.name"),
        ({"finish_reason": "\0"}, "m.finish_reason"),
        ({"extra_json": "1"}, "m.extra_json"),
        ({"extra_json": "{"}, "m.extra_json"),
        ({"parts": (Text("x"),) * 1_001}, "m.parts"),
        ({"parts": (Text("x"), ToolCall("\0", "n", ""))}, "m.parts[1].tool_call.id"),
        ({"parts": (Text("x"), ToolCall("", "", ""))}, "m.parts[1].tool_call.name"),
        ({"parts": (ToolCallResponse("\0", "", ""),)}, "m.parts[0].tool_call_response.id"),
        ({"parts": (ToolCallResponse("", "\0", ""),)}, "m.parts[0].tool_call_response.name"),
        ({"parts": (Blob("\0", "", b""),)}, "m.parts[0].blob.media_type"),
        ({"parts": (Blob("", "\0", b""),)}, "m.parts[0].blob.modality"),
        ({"parts": (OtherPart("x"),)}, "m.parts[0].other_json"),
    ],
)
def test_a_bad_member_is_refused_by_its_path(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        check_message("m", Message(**{"role": "user", **fields}))
    assert refusal.value.field == path


def test_the_fullest_message_is_accepted() -> None:
    check_message("m", Message("user", (Text(""),) * 1_000, extra_json=" {} "))
    check_step("s", Step())
    with pytest.raises(InvalidField) as refusal:
        check_step("s", Step(step_id="\0"))
    assert refusal.value.field == "s.step_id"
