"""Checks of the arguments that callers pass.

The rule: a value of a wrong type, or one that cannot be sent (a lone surrogate, a naive datetime, NaN),
raises `InvalidArgument` before anything is sent, and its `field_violations` name the argument. TypeError is
left to Python, which raises it where an argument is missing or unknown.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from holdfastdb.errors import FieldViolation, InvalidArgument, Reason

T = TypeVar("T")

SURROGATE = "a lone surrogate cannot be written as UTF-8"
_INT32 = range(-(2**31), 2**31)
# Tuples: a union would be made anew at each use.
_LISTS = (list, tuple)
_NO_LISTS = (str, bytes, bytearray, Mapping)


def refused(field: str, description: str) -> InvalidArgument:
    """The error for a value that the client refuses before it sends anything."""
    return InvalidArgument(
        f"{field}: {description}",
        reason=Reason.INVALID_FIELD,
        field_violations=[FieldViolation(field, description)],
    )


def of_wrong_type(field: str, needed: str, value: object) -> InvalidArgument:
    """The error for a value of a wrong type; `needed` says what is right, such as "a datetime"."""
    return refused(field, f"{needed} is needed, not {type(value).__name__}")


def require(value: object, kind: type[T], field: str, needed: str) -> T:
    """The value, which is an instance of the class."""
    if not isinstance(value, kind):
        raise of_wrong_type(field, needed, value)
    return value


def is_text(value: str) -> bool:
    """Whether the text can be written as UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def require_text(value: object, field: str) -> str:
    """The text."""
    text = require(value, str, field, "a text")
    if not is_text(text):
        raise refused(field, SURROGATE)
    return text


def require_count(value: object, field: str) -> int:
    """The integer, of 32 bits."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise of_wrong_type(field, "an integer", value)
    if value not in _INT32:
        raise refused(field, "an integer of 32 bits is needed")
    return value


def require_flag(value: object, field: str) -> bool:
    """The bool."""
    return require(value, bool, field, "True or False")


def require_mapping(value: object, field: str) -> Mapping[Any, Any]:
    """The mapping. Its keys and values are not checked."""
    # mypy: Mapping is abstract, which `type[T]` does not admit.
    if not isinstance(value, Mapping):
        raise of_wrong_type(field, "a mapping", value)
    return value


def require_list(values: Iterable[T], field: str, needed: str = "a list") -> list[T]:
    """The items. A text, bytes or a mapping is refused: its letters or keys would be taken as items."""
    if not is_list(values):
        raise of_wrong_type(field, needed, values)
    return list(values)


def is_list(values: object) -> bool:
    """Whether it is something to iterate over, and neither a text nor bytes nor a mapping."""
    if isinstance(values, _LISTS):
        return True
    return isinstance(values, Iterable) and not isinstance(values, _NO_LISTS)


def require_texts(values: Iterable[str], field: str) -> list[str]:
    """The texts in a list."""
    texts = require_list(values, field, "a list of texts")
    for index, text in enumerate(texts):
        require(text, str, f"{field}[{index}]", "a text")
    return texts


def require_optional_texts(values: Iterable[str] | None, field: str) -> list[str] | None:
    """The texts in a list, or None."""
    return None if values is None else require_texts(values, field)


def require_number(value: object, field: str, needed: str = "a number") -> float:
    """The number, which may be infinite, but not NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise of_wrong_type(field, needed, value)
    try:
        number = float(value)
    except OverflowError:
        raise refused(field, "the integer is too large for a float") from None
    if math.isnan(number):
        raise refused(field, "NaN is not a number")
    return number


def require_optional_number(value: object, field: str) -> float | None:
    """The number, or None."""
    return None if value is None else require_number(value, field)


def require_seconds(value: object, field: str) -> float:
    """The number of seconds; `math.inf` means no limit."""
    return require_number(value, field, "a number of seconds")


def require_optional_seconds(value: object, field: str) -> float | None:
    """The number of seconds, or None."""
    return None if value is None else require_seconds(value, field)


def require_known(conditions: Mapping[str, object], kind: type) -> None:
    """Refuse conditions that a filter, a TypedDict, does not have, as Python does unknown arguments."""
    if unknown := conditions.keys() - kind.__annotations__.keys():
        raise TypeError(f"{min(unknown)!r} is not a condition of {kind.__name__}")


def require_path(value: str | os.PathLike[str], field: str) -> Path:
    """The path."""
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if "\0" in require(text, str, field, "a path"):
        raise refused(field, "a path has no NUL character")
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise refused(field, SURROGATE) from None
    return Path(text)
