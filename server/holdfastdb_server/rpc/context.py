"""The present call, as a context variable of the asyncio task that handles it."""

from __future__ import annotations

import os
from contextvars import ContextVar
from itertools import count
from typing import Any, TypeAlias

import grpc
from msgspec import Struct

DEFAULT_NAMESPACE = "default"


class Call(Struct):
    """The headers of a call. Its token is checked before the handler is called."""

    method: str = ""
    """The path of the method: `/package.Service/Method`."""
    namespace: str = DEFAULT_NAMESPACE
    authorization: str = ""
    known_request_id: str = ""
    """The caller's `x-request-id`; or the server's own, once `request_id` was read; or empty."""

    @property
    def request_id(self) -> str:
        """The caller's `x-request-id`, or one that the server makes."""
        if not self.known_request_id:
            self.known_request_id = next(_request_ids)
        return self.known_request_id


_request_ids = (f"{prefix}-{number}" for prefix in [os.urandom(6).hex()] for number in count(1))

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

current_call: ContextVar[Call] = ContextVar("current_call")
"""Set by the interceptor. grpc.aio runs each call in a task of its own, so each has its own value."""


def namespace() -> str:
    """Return the namespace of the present call."""
    return current_call.get().namespace
