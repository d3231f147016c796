"""How many examples a property is tried with."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_WANTED = int(os.environ.get("HOLDFAST_TEST_EXAMPLES", "0"))


def few(count: int, steps: int = 20) -> settings:
    """Return the settings for so many examples, or HOLDFAST_TEST_EXAMPLES where that asks for more.

    `steps`: the calls of one example of a state machine.
    """
    return settings(
        max_examples=max(count, _WANTED),
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
