"""Logs: one line for people on a terminal, one JSON object elsewhere, with the id of the call."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from holdfast_server.rpc.call import current_call


def configure_logs(level: str, style: str) -> None:
    """Send the logs to stderr: ours from `level` on, those of libraries from warning on.

    `style` is `console`, `json` or `auto`: `console` on a terminal and `json` elsewhere. All of it goes
    through the standard library, whether a module logs there or by structlog.
    """
    is_terminal = sys.stderr.isatty()
    if style == "auto":
        style = "console" if is_terminal else "json"
    chain: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _add_request_id,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    ending: list[Processor] = (
        [structlog.dev.ConsoleRenderer(colors=is_terminal, exception_formatter=structlog.dev.plain_traceback)]
        if style == "console"
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=chain,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("holdfast").setLevel(level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *chain,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _add_request_id(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    call = current_call.get(None)
    if call is not None:
        event["request_id"] = call.request_id
    return event
