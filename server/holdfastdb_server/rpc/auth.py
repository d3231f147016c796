"""Who may call: bearer tokens, and the namespaces they are for."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable
from hashlib import sha256

from holdfastdb_server.domain.errors import NamespaceNotAllowed, TokenInvalid

ANY_NAMESPACE = "*"


class Access:
    """The tokens that are let in, each with its namespaces (`*`: any). Without tokens all are let in."""

    def __init__(self, tokens: Iterable[tuple[str, Collection[str]]] = ()) -> None:
        self._grants = [(_digest(token), frozenset(namespaces)) for token, namespaces in tokens]

    def check(self, authorization: str, namespace: str) -> None:
        """Raise TokenInvalid or NamespaceNotAllowed unless the header holds a token for the namespace."""
        if not self._grants:
            return
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise TokenInvalid
        presented = _digest(token.strip())
        # Every digest is compared: the time must not tell which token was nearly right.
        allowed = [names for known, names in self._grants if hmac.compare_digest(known, presented)]
        if not allowed:
            raise TokenInvalid
        if not any(ANY_NAMESPACE in names or namespace in names for names in allowed):
            raise NamespaceNotAllowed(namespace)


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
