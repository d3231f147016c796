"""The searchable form of JSON content: values compare as texts, with the same result on every engine.

The engines treat JSON differently: numbers beyond 2^53, `\\u0000`, duplicate keys, and which pointers
lead into an array. The searchable form avoids this:

- A null, boolean, number or string becomes a text whose first character is its type. Texts of one type
  compare by bytes as the values do: numbers by value, with all digits, and strings by their UTF-8 bytes.
- An object stays an object, with sorted members whose names are escaped so that every engine accepts them
  in a path. An array becomes an object with the items' indexes as names and the additional member _ARRAY.

Of duplicate keys the last one is used, as in JavaScript and Python.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.values import dump_json

# No escaped name is equal to one of these.
_ARRAY = {"%": ""}
_EMPTY = "%-"
_NULL, _FALSE, _TRUE, _NUMBER, _STRING = "b", "c", "d", "n", "s"

_LITERAL = re.compile(r"(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?)0*(\d*))?")
_COMPLEMENT = str.maketrans("0123456789", "9876543210")
_EXPONENT_DIGITS = 18
_UNSAFE_IN_NAME = re.compile(r'[\x00-\x1f"%\\\x7f]')
# PostgreSQL refuses NUL: U+0000 and U+0001 become two characters each, which keeps the order of texts.
_UNSAFE_IN_TEXT = re.compile(r"[\x00\x01]")
_ESCAPES = {"\x00": "\x01\x01", "\x01": "\x01\x02"}


class _Number(str):
    """A number as its JSON literal."""

    __slots__ = ()


_decode = json.JSONDecoder(parse_int=_Number, parse_float=_Number).decode


def searchable(text: str) -> str:
    """Return the searchable form of a valid JSON text, as JSON."""
    return dump_json(_form(_decode(text)))


def compared(text: str) -> str:
    """Return the text to compare a member's form with: for an object or array, its form as JSON."""
    form = _form(_decode(text))
    return form if isinstance(form, str) else dump_json(form)


def strings(text: str) -> Iterator[str]:
    """Yield the string values in a valid JSON text, without the names of members."""
    pending = [_decode(text)]
    while pending:
        match pending.pop():
            case dict() as members:
                pending.extend(reversed(members.values()))
            case list() as items:
                pending.extend(reversed(items))
            case str() as value if not isinstance(value, _Number):
                yield value


def is_ordered(form: str) -> bool:
    """Whether a form is that of a number or a string, which have an order."""
    return form[0] in (_NUMBER, _STRING)


def read_pointer(field: str, pointer: str) -> tuple[str, ...]:
    """Return the escaped names in a JSON pointer (RFC 6901). Raises InvalidField."""
    if not pointer:
        return ()
    if not pointer.startswith("/") or re.search(r"~(?![01])", pointer):
        raise InvalidField(field, "is no JSON pointer: it begins with `/`; `~` is written `~0` and `/` `~1`")
    return tuple(escape_name(token.replace("~1", "/").replace("~0", "~")) for token in pointer[1:].split("/"))


def escape_name(name: str) -> str:
    """Return the name of a member, escaped so that every engine accepts it in a path."""
    return _UNSAFE_IN_NAME.sub(lambda match: f"%{ord(match[0]):04x}", name) if name else _EMPTY


def _form(value: object) -> dict[str, Any] | str:
    # Without recursion: JSON can be nested more deeply than Python's stack allows.
    whole: dict[str, Any] = {}
    pending: list[tuple[dict[str, Any], str, object]] = [(whole, "", value)]
    while pending:
        target, name, item = pending.pop()
        if isinstance(item, dict):
            members: dict[str, Any] = {}
            target[name] = members
            pending.extend((members, escape_name(key), item[key]) for key in sorted(item, reverse=True))
        elif isinstance(item, list):
            members = dict(_ARRAY)
            target[name] = members
            pending.extend((members, str(index), item[index]) for index in reversed(range(len(item))))
        else:
            target[name] = _scalar(item)
    form: dict[str, Any] | str = whole[""]
    return form


def _scalar(value: object) -> str:
    match value:
        case _Number():
            return _NUMBER + _sortable_number(value)
        case str():
            return _STRING + _UNSAFE_IN_TEXT.sub(lambda match: _ESCAPES[match[0]], value)
        case None:
            return _NULL
        case _:
            return _TRUE if value else _FALSE


@lru_cache(maxsize=4096)
def _sortable_number(literal: str) -> str:
    match = _LITERAL.fullmatch(literal)
    assert match is not None
    sign, whole, fraction, exponent_sign, exponent = match.groups("")
    digits = (whole + fraction).lstrip("0")
    if not digits.strip("0"):
        return "1"
    # The number is 0.digits times ten to this power.
    power = len(digits) - len(fraction) + _exponent(exponent_sign, exponent)
    size = _sortable_integer(power) + digits.rstrip("0")
    return "0" + size.translate(_COMPLEMENT) + "~" if sign else "2" + size


def _exponent(sign: str, digits: str) -> int:
    # A greater exponent is cut: such numbers are equal to each other.
    size = 10**_EXPONENT_DIGITS if len(digits) > _EXPONENT_DIGITS else int(digits or "0")
    return -size if sign == "-" else size


def _sortable_integer(number: int) -> str:
    digits = str(abs(number))
    size = f"{len(digits):02d}{digits}"
    return "1" + size if number >= 0 else "0" + size.translate(_COMPLEMENT)
