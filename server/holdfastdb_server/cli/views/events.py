"""Events as people read them: a header line with sequence, role, type and time, then the body."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from holdfastdb import Blob, Data, Event, Json, Message, OtherPart, Part, Step, ToolCall, ToolCallResponse
from holdfastdb import Text as TextPart
from holdfastdb_server.cli.transcripts.messages import text_of
from holdfastdb_server.cli.views import formatting

_LENGTH = 600
_USUAL_TYPES = ("message", "step")


class EventPrinter:
    """Prints events. `full` prints long texts whole."""

    def __init__(self, console: Console, full: bool) -> None:
        self._console = console
        self._full = full
        self._day = ""

    def print(self, event: Event) -> None:
        """Print one event, and before the first one of a day its date."""
        time = event.event_time or event.create_time
        if time is not None:
            self._print_day(time)
        self._console.print(_header(event, time))
        for piece in self._body(event):
            self._console.print(Padding(piece, (0, 0, 0, 6), expand=False))
        self._console.print()

    def _print_day(self, time: datetime) -> None:
        day = formatting.local(time).partition(" ")[0]
        if day != self._day:
            self._day = day
            self._console.print(f"{day}\n", style="dim")

    def _body(self, event: Event) -> Iterator[Text]:
        match event.body:
            case Message() as message:
                # System prompts are long and seldom of interest: they are shortened.
                is_system = message.role in ("system", "developer")
                for part in message.parts:
                    yield from self._part(part, is_system)
            case Step() as step:
                for name, text in (
                    ("thought", step.thought),
                    ("action", step.action),
                    ("observation", step.observation),
                ):
                    if text:
                        yield Text.assemble((f"{name}  ", "bold dim"), formatting.plain(text))
            case Json(text, _):
                yield from self._shortened(text)
            case Data(value, media_type):
                yield Text(f"{len(value):,} bytes of {media_type or 'application/octet-stream'}", "dim")

    def _part(self, part: Part, is_system: bool) -> Iterator[Text]:
        match part:
            case TextPart(text):
                yield from self._shortened(text) if is_system else [Text(formatting.plain(text))]
            case ToolCall(name, arguments, _):
                yield Text.assemble(
                    ("→ ", "yellow"),
                    (formatting.one_line(name), "bold yellow"),
                    f"({formatting.one_line(_compact(arguments))})",
                )
            case ToolCallResponse(response, _, _):
                yield from self._shortened(response, Text.assemble(("← ", "yellow")))
            case Blob(data, media_type, modality):
                yield Text(f"{len(data):,} bytes of {modality or media_type or 'data'}", "dim")
            case OtherPart(json_text):
                text_in_it = text_of(part)
                yield from (
                    self._shortened(json_text) if text_in_it is None else [Text(formatting.plain(text_in_it))]
                )

    def _shortened(self, text: str, prefix: Text | None = None) -> Iterator[Text]:
        line = prefix or Text()
        shown, rest = (text, "") if self._full else formatting.shorten(text, _LENGTH, "; --full shows all")
        yield line.append(formatting.plain(shown))
        if rest:
            yield Text(rest, "dim italic")


def _header(event: Event, time: datetime | None) -> Text:
    header = Text(f"{event.sequence:>4}  ", "dim")
    is_own = event.type.startswith("holdfast.")
    role = event.body.role if isinstance(event.body, Message) else ""
    if role:
        header.append(formatting.one_line(role), f"bold {formatting.role_style(role)}")
    if isinstance(event.body, Message) and (name := event.body.name or _tool(event.body)):
        header.append(f" {formatting.one_line(name)}", formatting.role_style(role))
    if event.type not in _USUAL_TYPES or not role:
        header.append("  " if role else "").append(
            formatting.one_line(event.type), "dim" if is_own else "bold blue"
        )
    if event.actor and event.actor != role:
        header.append(f"  by {formatting.one_line(event.actor)}")
    if time is not None:
        header.append(f"  {formatting.local(time).partition(' ')[2]}", "dim")
    for key, value in sorted(event.labels.items()):
        header.append(f"  {formatting.one_line(key)}={formatting.one_line(value)}", "dim cyan")
    return header


def _tool(message: Message) -> str:
    return next((part.name for part in message.parts if isinstance(part, ToolCallResponse)), "")


def _compact(arguments: str) -> str:
    """The members of a JSON object as `key=value`; any other text unchanged."""
    try:
        members = json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
    if not isinstance(members, dict):
        return arguments
    return ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in members.items())
