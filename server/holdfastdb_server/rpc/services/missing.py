"""What `allow_missing` does in every Delete method."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext, suppress

from holdfastdb_server.domain.errors import NotFound


def allowed_missing(is_allowed: bool, error: type[NotFound]) -> AbstractContextManager[None, bool | None]:
    """Return a context in which this error is suppressed if the request allows that nothing is deleted."""
    return suppress(error) if is_allowed else nullcontext()
