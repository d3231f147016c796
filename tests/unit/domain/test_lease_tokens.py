"""The bound of a lease's token, in every call that carries one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.limits import ID_LENGTH
from holdfastdb_server.domain.tasks.moves import Release, TaskChange, TaskTransition
from holdfastdb_server.domain.tasks.task import TaskFields, TaskStatus


@pytest.mark.parametrize(
    "make",
    [
        lambda token: TaskChange(TaskFields(phase="p"), frozenset({"phase"}), lease_token=token),
        lambda token: TaskTransition(TaskStatus.CANCELLED, lease_token=token),
        Release,
    ],
    ids=["update", "transition", "release"],
)
def test_a_token_is_no_longer_than_an_id(
    make: Callable[[str], TaskChange | TaskTransition | Release],
) -> None:
    make("x" * ID_LENGTH).checked()
    with pytest.raises(InvalidField, match="lease_token"):
        make("x" * (ID_LENGTH + 1)).checked()
