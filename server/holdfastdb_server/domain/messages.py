"""Messages with their parts, and steps. The names follow OpenTelemetry's GenAI conventions."""

from __future__ import annotations

from msgspec import Struct

from holdfastdb_server.domain import limits
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.ids import check_id, check_optional_id
from holdfastdb_server.domain.values import check_count, check_json, check_size, check_text, utf8_size


class Text(Struct, frozen=True):
    """A part that is text."""

    text: str


class ToolCall(Struct, frozen=True):
    """A model's call of a tool; the arguments are the text that the model wrote, unchecked."""

    id: str
    name: str
    arguments: str


class ToolCallResponse(Struct, frozen=True):
    """The result of a tool call, as the text that the tool returned."""

    id: str
    name: str
    response: str


class Blob(Struct, frozen=True):
    """Binary content."""

    media_type: str
    modality: str
    data: bytes


class OtherPart(Struct, frozen=True):
    """A part of another kind, as JSON text."""

    json: str


Part = Text | ToolCall | ToolCallResponse | Blob | OtherPart


class Message(Struct, frozen=True):
    """One message of a conversation."""

    role: str
    parts: tuple[Part, ...] = ()
    name: str = ""
    finish_reason: str = ""
    extra_json: str = ""


class Step(Struct, frozen=True):
    """One step of an agent's reasoning loop."""

    thought: str = ""
    action: str = ""
    observation: str = ""
    step_id: str = ""


def check_message(path: str, message: Message) -> None:
    """Raise InvalidField if a message is out of bounds."""
    check_id(f"{path}.role", message.role)
    check_optional_id(f"{path}.name", message.name)
    check_optional_id(f"{path}.finish_reason", message.finish_reason)
    check_count(f"{path}.parts", message.parts, limits.MESSAGE_PARTS)
    size = utf8_size(message.extra_json)
    if message.extra_json:
        check_json(f"{path}.extra_json", message.extra_json)
        if not message.extra_json.lstrip().startswith("{"):
            raise InvalidField(f"{path}.extra_json", "must be a JSON object")
    for index, part in enumerate(message.parts):
        size += _check_part(f"{path}.parts[{index}]", part)
    check_size(path, size)


def check_step(path: str, step: Step) -> None:
    """Raise InvalidField if a step is out of bounds."""
    check_optional_id(f"{path}.step_id", step.step_id)
    check_size(path, sum(map(utf8_size, (step.thought, step.action, step.observation))))


def _check_part(path: str, part: Part) -> int:
    """Check a part and return its size in bytes."""
    match part:
        case Text():
            return utf8_size(part.text)
        case ToolCall():
            check_optional_id(f"{path}.tool_call.id", part.id)
            check_id(f"{path}.tool_call.name", part.name)
            return utf8_size(part.arguments)
        case ToolCallResponse():
            check_optional_id(f"{path}.tool_call_response.id", part.id)
            check_optional_id(f"{path}.tool_call_response.name", part.name)
            return utf8_size(part.response)
        case Blob():
            check_text(f"{path}.blob.media_type", part.media_type, limits.MEDIA_TYPE_LENGTH)
            check_optional_id(f"{path}.blob.modality", part.modality)
            return len(part.data)
        case OtherPart():
            check_json(f"{path}.other_json", part.json)
            return utf8_size(part.json)
