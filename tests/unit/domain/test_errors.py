"""Errors: what they say, and the members by which a program tells them apart."""

from __future__ import annotations

import pytest

from holdfastdb_server.domain import errors


@pytest.mark.parametrize(
    ("error", "text", "members"),
    [
        (
            errors.InvalidField("a.b", "is required"),
            "a.b: is required",
            {"field": "a.b"},
        ),
        (
            errors.StateNotFound("s", "k"),
            "session 's' has no state 'k'",
            {"session_id": "s", "key": "k"},
        ),
        (
            errors.StateNotFound("s", "k", 0),
            "session 's' has no version 0 of state 'k'",
            {"session_id": "s", "key": "k", "version": "0"},
        ),
        (
            errors.VersionMismatch("task", "t", 1, 2),
            "task 't' is at version 2, not 1",
            {"resource": "task", "id": "t", "expected": "1", "actual": "2"},
        ),
        (
            errors.DependencyCycle(["a", "b"], plan_id="p"),
            "the dependencies form a cycle: 'a' -> 'b' -> 'a'",
            {"plan_id": "p"},
        ),
        (
            errors.LimitExceeded("groups", 11, 10),
            "groups would be 11, more than 10",
            {"limit": "groups", "actual": "11", "maximum": "10"},
        ),
    ],
)
def test_an_error_says_what_is_wrong_and_of_what(
    error: errors.HoldfastError, text: str, members: dict[str, str]
) -> None:
    assert (str(error), error.message, error.metadata) == (text, text, members)


def test_an_invalid_field_has_its_path_and_its_problem() -> None:
    error = errors.InvalidField("a.b", "is required")
    assert (error.field, error.problem) == ("a.b", "is required")
