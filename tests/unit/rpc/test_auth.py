"""Bearer tokens and their namespaces."""

from __future__ import annotations

import pytest

from holdfastdb_server.domain.errors import NamespaceNotAllowed, TokenInvalid
from holdfastdb_server.rpc.auth import Access

ACCESS = Access([("for-all", ["*"]), ("for-two", ["a", "b"]), ("shared", ["c"]), ("shared", ["d"])])


@pytest.mark.parametrize(
    ("authorization", "namespace"),
    [
        ("Bearer for-all", "anything"),
        ("bearer for-all", "default"),
        ("Bearer  for-two ", "b"),
        ("Bearer shared", "c"),
        ("Bearer shared", "d"),
    ],
)
def test_a_token_lets_into_its_namespaces(authorization: str, namespace: str) -> None:
    ACCESS.check(authorization, namespace)


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "for-all",
        "Basic for-all",
        "Bearer for-al",
        "Bearer for-all2",
        "Bearer FOR-ALL",
        "Bearer é",
    ],
)
def test_a_wrong_token_is_refused(authorization: str) -> None:
    with pytest.raises(TokenInvalid):
        ACCESS.check(authorization, "a")


def test_a_token_for_other_namespaces_is_refused() -> None:
    with pytest.raises(NamespaceNotAllowed) as refusal:
        ACCESS.check("Bearer for-two", "c")
    assert refusal.value.metadata == {"namespace": "c"}


def test_without_tokens_all_are_let_in() -> None:
    Access().check("", "a")
