"""Logs: a readable line on a terminal, a JSON object elsewhere, with the request id of the call."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from holdfastdb_server.rpc.context import current_call

# The attributes of every record; the others are from `extra`.
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime"}
_COLOURS = {"debug": "\x1b[32m", "info": "\x1b[32m", "warning": "\x1b[33m", "error": "\x1b[31m"}
_DIM, _BOLD, _PLAIN = "\x1b[2m", "\x1b[1m", "\x1b[0m"


def configure_logs(level: str, style: str) -> None:
    """Log to stderr: the loggers `holdfast.*` from `level` on, those of libraries from warning on.

    `style` is `console`, `json` or `auto`: `console` on a terminal and `json` elsewhere.
    """
    is_terminal = sys.stderr.isatty()
    if style == "auto":
        style = "console" if is_terminal else "json"
    handler = logging.StreamHandler()
    handler.setFormatter(_ForPeople(in_colour=is_terminal) if style == "console" else _AsJson())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("holdfast").setLevel(level.upper())


class _AsJson(logging.Formatter):
    """`{"event": "serving", "level": "info", "logger": "holdfast.app", "address": …, "timestamp": …}`."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            **_details(record),
            "timestamp": _time(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=repr)


class _ForPeople(logging.Formatter):
    """`2026-01-31T12:00:00.000000Z [info] serving address=127.0.0.1:7420 [holdfast.app]`."""

    def __init__(self, *, in_colour: bool) -> None:
        super().__init__()
        self._in_colour = in_colour

    def format(self, record: logging.LogRecord) -> str:
        level = record.levelname.lower()
        details = "".join(f" {name}={_text(value)}" for name, value in _details(record).items())
        parts = (
            self._paint(_time(record), _DIM),
            f"[{self._paint(level, _COLOURS.get(level, ''))}]",
            self._paint(record.getMessage(), _BOLD) + details,
            self._paint(f"[{record.name}]", _DIM),
        )
        trace = "\n" + self.formatException(record.exc_info) if record.exc_info else ""
        return " ".join(parts) + trace

    def _paint(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._in_colour else text


def _details(record: logging.LogRecord) -> dict[str, object]:
    details = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    call = current_call.get(None)
    return details if call is None else {**details, "request_id": call.request_id}


def _text(value: object) -> str:
    """The value, quoted if it has spaces or control characters."""
    text = str(value)
    return text if text.isprintable() and " " not in text else repr(text)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
