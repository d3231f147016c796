"""How long to wait before the next attempt."""

from __future__ import annotations

import math
import random

from holdfastdb.errors import HoldfastError

_FIRST = 0.1
_LAST = 5.0
_DOUBLINGS = 6


def backoff(failures: int, error: HoldfastError | None = None) -> float:
    """Seconds to wait after so many earlier failures in a row, and at least as long as the server asks for.

    They double from 0.1 to 5, less a random part of up to a half, against a thundering herd of clients.
    """
    longest = min(_LAST, math.ldexp(_FIRST, min(failures, _DOUBLINGS)))
    delay = longest * random.uniform(0.5, 1)  # noqa: S311
    asked_for = error.retry_delay if error is not None else None
    return delay if asked_for is None else max(delay, asked_for.total_seconds())
