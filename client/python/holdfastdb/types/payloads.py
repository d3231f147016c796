"""Values of the caller's own: JSON and bytes, which come back exactly as they went in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Json:
    """One JSON text, kept character for character.

    Pass it instead of a Python value where the text itself matters (key order, white space, number format):

        await client.states.save("order-42", holdfastdb.Json('{"total": 1.50}'))
    """

    text: str
    media_type: str = ""
    """An IANA media type; empty means `application/json`."""

    @cached_property
    def value(self) -> Any:
        """The text as a Python value, parsed when first asked for. Raises ValueError if it is not JSON."""
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes with a media type, such as `Data(png, "image/png")`. Plain `bytes` do where no type is needed."""

    value: bytes
    media_type: str = ""
    """An IANA media type; empty means `application/octet-stream`."""


Payload: TypeAlias = Json | Data
"""A value of the caller's own."""


class HasPayload:
    """What holds a payload that a list may leave out: a `State` or a `Document`."""

    __slots__ = ()

    payload: Payload | None

    @property
    def value(self) -> Any:
        """The JSON value or the bytes that were written. Raises ValueError if the payload was left out."""
        if self.payload is None:
            raise ValueError("the payload was left out of the list")
        return self.payload.value

    @property
    def json_text(self) -> str | None:
        """The JSON text exactly as it was written; None for bytes."""
        return self.payload.text if isinstance(self.payload, Json) else None

    @property
    def data(self) -> bytes | None:
        """The bytes that were written; None for JSON."""
        return self.payload.value if isinstance(self.payload, Data) else None
