"""How values are printed: times, durations, statuses, payloads, and texts that others wrote."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from holdfastdb import Payload

_STATUS_STYLES = {
    "pending": "yellow",
    "active": "bold green",
    "started": "bold green",
    "running": "bold green",
    "completed": "green",
    "succeeded": "green",
    "approved": "green",
    "failed": "bold red",
    "rejected": "bold red",
    "expired": "dim",
    "cancelled": "dim",
}
_ROLE_STYLES = {
    "system": "magenta",
    "developer": "magenta",
    "user": "cyan",
    "assistant": "green",
    "tool": "yellow",
}
# Control characters and those that change the direction of text. Rich removes only some of them.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_WIDTH_ELSEWHERE = 160
_PAYLOAD_LENGTH = 600
_UNITS = (
    ("year", 365 * 86_400),
    ("month", 30 * 86_400),
    ("day", 86_400),
    ("h", 3_600),
    ("min", 60),
    ("s", 1),
)


def has_width() -> bool:
    """Whether lines have a limited width: stdout is a terminal, or COLUMNS is set."""
    return sys.stdout.isatty() or "COLUMNS" in os.environ


def console(*, stderr: bool = False) -> Console:
    """Stdout or stderr. Without a limited width, 160 columns."""
    width = None if has_width() else _WIDTH_ELSEWHERE
    return Console(stderr=stderr, highlight=False, emoji=False, markup=False, width=width)


def plain(text: str) -> str:
    """The text with visible signs for control characters, so that it cannot send commands to the terminal."""
    return _CONTROL.sub(lambda found: _sign(ord(found[0])), text)


def _sign(code: int) -> str:
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"


def one_line(text: str) -> str:
    """The text with each run of white space as one space, and as `plain` makes it."""
    return plain(" ".join(text.split()))


def shorten(text: str, length: int, hint: str) -> tuple[str, str]:
    """The text and "", or its first `length` characters and how many more there are."""
    if len(text) <= length:
        return text, ""
    return text[:length].rstrip() + " …", f"{len(text) - length:,} more characters{hint}"


def status(name: str) -> Text:
    """A status in its colour."""
    return Text(name, style=_STATUS_STYLES.get(name, ""))


def role_style(role: str) -> str:
    """The colour of a role."""
    return _ROLE_STYLES.get(role, "blue")


def ago(time: datetime, now: datetime | None = None) -> str:
    """The time relative to now: `3 min ago`, `in 7 days`, `now`."""
    seconds = int(((now or datetime.now(UTC)) - time).total_seconds())
    for unit, length in _UNITS:
        count = abs(seconds) // length
        if count:
            plural = "s" if count > 1 and unit in ("year", "month", "day") else ""
            return f"in {count} {unit}{plural}" if seconds < 0 else f"{count} {unit}{plural} ago"
    return "now"


def local(time: datetime) -> str:
    """The time in the local time zone, to the second."""
    return time.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def moment(time: datetime | None) -> Text:
    """The time in the local time zone, and relative to now; empty for none."""
    if time is None:
        return Text()
    return Text.assemble(local(time), (f"  {ago(time)}", "dim"))


def span(length: timedelta) -> str:
    """A duration: `350 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`."""
    seconds = length.total_seconds()
    if seconds < 1:
        return f"{seconds * 1_000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min"


def payload(value: Payload | None) -> str:
    """The first 600 characters of JSON, or the size of binary data; empty for none."""
    from holdfastdb import Json

    if value is None:
        return ""
    if isinstance(value, Json):
        return " ".join(filter(None, shorten(value.text, _PAYLOAD_LENGTH, "; --json shows them")))
    return f"{len(value.value):,} bytes of {value.media_type or 'application/octet-stream'}"


def labels(value: Mapping[str, str], separator: str = "\n") -> str:
    """Labels by their keys: `area=billing`."""
    return separator.join(f"{key}={text}" for key, text in sorted(value.items()))


def metadata(value: Mapping[str, object]) -> str:
    """Metadata as JSON; empty for none."""
    from holdfastdb_server.cli.transcripts.lines import plain_numbers
    from holdfastdb_server.cli.views import as_json

    return as_json.dump(plain_numbers(dict(value))) if value else ""


def ident(text: str, style: str = "") -> Text:
    """An id, which `print_fields` keeps whole."""
    return Text(plain(text), style, no_wrap=True)


def print_fields(fields: Iterable[tuple[str, str | Text]]) -> None:
    """Print the names and values of the fields that are not empty.

    A value is wrapped to the width of the terminal, except for an id: it stays on one line, to be copied.
    """
    out = console()
    texts = [
        (name, Text(plain(value)) if isinstance(value, str) else value) for name, value in fields if value
    ]
    widest = max(len(name) for name, _ in texts)
    for name, text in texts:
        label = Text(name.ljust(widest + 2), "dim")
        lines = list(text.split(allow_blank=True))
        if has_width() and not text.no_wrap:
            lines = [part for line in lines for part in line.wrap(out, max(1, out.width - len(label)))]
        for number, line in enumerate(lines):
            out.print(Text.assemble(" " * len(label) if number else label, line), soft_wrap=True)
