"""Chat messages in OpenAI's format to and from messages of a history, without loss.

What a `Message` has a place for goes there: role, text, tool calls, tool responses. The rest goes into its
`extra_json`, in one of two forms:

- additions: the keys that a `Message` has no place for, such as `{"refusal":null}`. That is enough where the
  message looks as `to_openai` writes it.
- an outline, where it looks different (other order of keys, a null where a text is usual): the whole message,
  with null in the place of each value that stands elsewhere in the `Message`. It has a `"role":null`, which
  additions never have.

A list of content becomes one part for each item; an item that is more than a text is kept as `OtherPart`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from holdfastdb.types.events import Blob, Message, OtherPart, Part, Text, ToolCall, ToolCallResponse
from holdfastdb_server.cli.transcripts.exact_json import BadTranscript, check_json_limits, dump_json
from holdfastdb_server.domain import limits

TOOL_ROLES = ("tool", "function")
_PLACED = ("role", "tool_call_id", "name", "content", "tool_calls")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

Chat = dict[str, Any]
"""A message as OpenAI writes it, parsed."""


def is_id(value: object) -> bool:
    """Whether the contract takes this as an id."""
    return isinstance(value, str) and 0 < len(value) <= limits.ID_LENGTH and not _CONTROL.search(value)


def to_message(chat: object) -> Message:
    """The message to append. Raises BadTranscript if it is none, or passes a limit of the server."""
    if not isinstance(chat, dict):
        raise BadTranscript("it is not an object")
    if not is_id(chat.get("role")):
        raise BadTranscript("it has no role")
    text = dump_json(chat)
    message, outline = _place(chat)
    additions = {key: value for key, value in chat.items() if key not in _PLACED}
    short = replace(message, extra_json=dump_json(additions)) if additions else message
    if dump_json(to_openai(short)) != f"[{text}]":
        short = replace(message, extra_json=dump_json(outline))
    _check_limits(short)
    return short


def to_openai(message: Message) -> list[Chat]:
    """The message as OpenAI writes it: exactly what `to_message` was given, or else the most usual form.

    Several answers of tools in one message become one message each, for OpenAI has one for each.
    """
    extra: Chat = json.loads(message.extra_json) if message.extra_json else {}
    if "role" in extra and extra["role"] is None:
        return [_fill(extra, message)]
    chats: list[Chat] = []
    content, calls, responses = _sorted(message.parts)
    is_tool = message.role in TOOL_ROLES
    for response in responses:
        answer: Chat = {"role": message.role if is_tool else "tool"}
        if response.id:
            answer["tool_call_id"] = response.id
        if response.name or message.name:
            answer["name"] = response.name or message.name
        answer["content"] = response.response
        chats.append(answer)
    if content or calls or not responses:
        # Only an answer may have a tool's role.
        chat: Chat = {"role": "user" if responses and is_tool else message.role}
        if message.name:
            chat["name"] = message.name
        chat["content"] = _content(content) if content or calls else ""
        if calls:
            chat["tool_calls"] = [_call(call) for call in calls]
        chats.append(chat)
    for key, value in extra.items():
        chats[-1].setdefault(key, value)
    return chats


def text_of(part: OtherPart) -> str | None:
    """The text in an item of content that carries more than a text, None if it has none."""
    item = json.loads(part.json_text)
    text = item.get("text") if isinstance(item, dict) else None
    return text if isinstance(text, str) else None


def size_of(message: Message) -> int:
    """The size as the server counts it, in bytes."""
    return len(message.extra_json.encode()) + sum(_part_size(part) for part in message.parts)


def _place(chat: Chat) -> tuple[Message, Chat]:
    """The typed message, and the outline with null where a value stands in it."""
    outline = dict(chat)
    outline["role"] = None
    parts: list[Part] = []
    is_tool = chat["role"] in TOOL_ROLES
    if is_tool:
        parts.append(
            ToolCallResponse(
                response=_take(outline, "content", _is_text),
                id=_take(outline, "tool_call_id", is_id),
                name=_take(outline, "name", is_id),
            )
        )
    name = "" if is_tool else _take(outline, "name", is_id)
    calls = _take_calls(outline)
    if len(calls) + len(parts) > limits.MESSAGE_PARTS:
        outline["tool_calls"], calls = chat["tool_calls"], []
    # A tool's text is in its response, also when it is empty.
    content = [] if is_tool and isinstance(chat.get("content"), str) else _take_content(outline)
    if len(parts) + len(content) + len(calls) > limits.MESSAGE_PARTS:
        outline["content"], content = chat["content"], []
    return Message(role=chat["role"], parts=(*parts, *content, *calls), name=name), outline


def _take(outline: Chat, key: str, fits: Callable[[object], bool]) -> str:
    """Take a value that fits out of the outline; the empty text where it stays or there is none."""
    value = outline.get(key)
    if not isinstance(value, str) or not fits(value):
        return ""
    outline[key] = None
    return value


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _take_content(outline: Chat) -> list[Part]:
    content = outline.get("content")
    if isinstance(content, list):
        outline["content"] = [None] * len(content)
        return [_part(item) for item in content]
    if isinstance(content, str):
        outline["content"] = None
        return [Text(content)]
    return []


def _part(item: object) -> Part:
    if isinstance(item, dict) and list(item) == ["type", "text"] and item["type"] == "text":
        text = item["text"]
        if isinstance(text, str):
            return Text(text)
    return OtherPart(dump_json(item))


def _take_calls(outline: Chat) -> list[ToolCall]:
    """Take the tool calls out: all of them, or none if one is of another shape."""
    calls = outline.get("tool_calls")
    if not isinstance(calls, list) or not all(_is_call(call) for call in calls):
        return []
    taken: list[ToolCall] = []
    outline["tool_calls"] = outlines = []
    for call in calls:
        rest, function = dict(call), dict(call["function"])
        taken.append(
            ToolCall(
                id=_take(rest, "id", is_id),
                name=_take(function, "name", is_id),
                arguments=_take(function, "arguments", _is_text),
            )
        )
        rest["function"] = function
        outlines.append(rest)
    return taken


def _is_call(call: object) -> bool:
    if not isinstance(call, dict) or not isinstance(call.get("function"), dict):
        return False
    return is_id(call["function"].get("name"))


def _sorted(parts: Sequence[Part]) -> tuple[list[Part], list[ToolCall], list[ToolCallResponse]]:
    calls = [part for part in parts if isinstance(part, ToolCall)]
    responses = [part for part in parts if isinstance(part, ToolCallResponse)]
    content: list[Part] = [part for part in parts if not isinstance(part, ToolCall | ToolCallResponse)]
    return content, calls, responses


def _fill(outline: Chat, message: Message) -> Chat:
    """The outline with the values that stand elsewhere in the message in their places."""
    content, calls, responses = _sorted(message.parts)
    chat = dict(outline)
    chat["role"] = message.role
    if "name" in chat and chat["name"] is None:
        chat["name"] = message.name or None
    if "content" in chat and chat["content"] is None:
        chat["content"] = _content(content)
    if isinstance(chat.get("content"), list) and content:
        chat["content"] = [_item(part) for part in content]
    if responses:
        response = responses[0]
        for key, text in (
            ("tool_call_id", response.id),
            ("name", response.name),
            ("content", response.response),
        ):
            if text and key in chat and chat[key] is None:
                chat[key] = text
    if calls:
        chat["tool_calls"] = [
            _fill_call(rest, call) for rest, call in zip(chat["tool_calls"], calls, strict=True)
        ]
    return chat


def _fill_call(rest: Chat, call: ToolCall) -> Chat:
    chat = {**rest, "function": {**rest["function"], "name": call.name}}
    if call.id:
        chat["id"] = call.id
    if call.arguments:
        chat["function"]["arguments"] = call.arguments
    return chat


def _content(parts: Sequence[Part]) -> str | list[Chat] | None:
    match parts:
        case []:
            return None
        case [Text(text)]:
            return text
        case _:
            return [_item(part) for part in parts]


def _item(part: Part) -> Any:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case OtherPart(json_text):
            return json.loads(json_text)
        case Blob(data, media_type, modality):
            return _blob(base64.b64encode(data).decode(), media_type, modality)
        case _:
            raise AssertionError(f"{type(part).__name__} is no content")


def _blob(data: str, media_type: str, modality: str) -> Chat:
    kind = modality or media_type.partition("/")[0]
    if kind == "audio":
        return {"type": "input_audio", "input_audio": {"data": data, "format": media_type.partition("/")[2]}}
    url = f"data:{media_type or 'application/octet-stream'};base64,{data}"
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": "file", "file": {"file_data": url}}


def _call(call: ToolCall) -> Chat:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _check_limits(message: Message) -> None:
    """Raise BadTranscript for what the server would refuse, before the session is begun."""
    if (size := size_of(message)) > limits.PAYLOAD_BYTES:
        raise BadTranscript(f"it has {size:,} bytes; at most {limits.PAYLOAD_BYTES:,} are allowed")
    texts = [part.json_text for part in message.parts if isinstance(part, OtherPart)]
    if message.extra_json:
        texts.append(message.extra_json)
    for text in texts:
        check_json_limits(text)


def _part_size(part: Part) -> int:
    match part:
        case Text(text):
            return len(text.encode())
        case ToolCall(_, arguments, _):
            return len(arguments.encode())
        case ToolCallResponse(response, _, _):
            return len(response.encode())
        case Blob(data, _, _):
            return len(data)
        case OtherPart(json_text):
            return len(json_text.encode())
