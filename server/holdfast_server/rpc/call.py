"""The call that is being answered, wherever in its task one is."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

DEFAULT_NAMESPACE = "default"


@dataclass(slots=True)
class Call:
    """What the headers of a call say. The token is checked before a handler sees the call."""

    request_id: str = ""
    namespace: str = DEFAULT_NAMESPACE
    authorization: str = ""


current_call: ContextVar[Call] = ContextVar("current_call")
"""Set by the interceptor. grpc.aio runs each call in a task of its own, so none sees another's."""


def namespace() -> str:
    """Return the namespace of the call that is being answered."""
    return current_call.get().namespace
