"""JSON that comes back the same as it went in, or is refused with a reason."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.values import check_json


class BadTranscript(Exception):
    """The transcript cannot be kept as it is; the text says why."""


def parse_json(text: str) -> Any:
    """The value of a JSON text. Raises BadTranscript, also for what would not come back the same."""
    try:
        value = json.loads(text, parse_float=_finite, parse_constant=_refuse_constant)
    except RecursionError:
        raise BadTranscript("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise BadTranscript(f"it is not JSON: {error.msg} at character {error.pos + 1}") from None
    except ValueError as error:  # an integer of more digits than Python converts
        raise BadTranscript(f"it is not JSON: {error}") from None
    return value


def dump_json(value: object) -> str:
    """Compact JSON. Raises BadTranscript where a value cannot be written as UTF-8."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        text.encode()
    except UnicodeEncodeError:
        raise BadTranscript("it has half of a surrogate pair in a text") from None
    except RecursionError:
        raise BadTranscript("it is nested too deeply") from None
    return text


def check_json_limits(text: str) -> None:
    """Raise BadTranscript for a JSON text that the server would refuse."""
    try:
        check_json("it", text)
    except InvalidField as error:
        raise BadTranscript(f"its JSON {error.problem}") from None


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise BadTranscript(f"the number {text[:40]} is too large")
    return number


def _refuse_constant(text: str) -> NoReturn:
    raise BadTranscript(f"it is not JSON: {text}")
