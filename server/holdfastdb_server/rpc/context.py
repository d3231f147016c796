"""The call that is being answered, wherever in its task one is."""

from __future__ import annotations

import os
from contextvars import ContextVar
from itertools import count
from typing import Any, TypeAlias

import grpc
from msgspec import Struct

DEFAULT_NAMESPACE = "default"


class Call(Struct):
    """What the headers of a call say. The token is checked before a handler sees the call."""

    method: str = ""
    """Its path: `/package.Service/Method`."""
    namespace: str = DEFAULT_NAMESPACE
    authorization: str = ""
    known_request_id: str = ""
    """The caller's id of the request, or ours once somebody wanted to know it."""

    @property
    def request_id(self) -> str:
        """The id of the request; ours if the caller gave none."""
        if not self.known_request_id:
            self.known_request_id = next(_request_ids)
        return self.known_request_id


_request_ids = (f"{prefix}-{number}" for prefix in [os.urandom(6).hex()] for number in count(1))

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

current_call: ContextVar[Call] = ContextVar("current_call")
"""Set by the interceptor. grpc.aio runs each call in a task of its own, so none sees another's."""


def namespace() -> str:
    """Return the namespace of the call that is being answered."""
    return current_call.get().namespace
