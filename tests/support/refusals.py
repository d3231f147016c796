"""What a check refuses."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from holdfastdb_server.domain.errors import InvalidField


def refused(field: str, call: Callable[..., object], *arguments: object) -> str:
    """Return the problem of this field, for which the call must raise InvalidField."""
    with pytest.raises(InvalidField) as refusal:
        call(*arguments)
    assert refusal.value.field == field
    return refusal.value.problem
