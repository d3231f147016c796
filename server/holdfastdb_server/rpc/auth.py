"""Access control: bearer tokens, and the namespaces that each allows."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable
from hashlib import sha256

from holdfastdb_server.domain.errors import NamespaceNotAllowed, TokenInvalid

ANY_NAMESPACE = "*"


class Access:
    """The valid tokens, each with the namespaces that it allows (`*`: all). No tokens: no check."""

    def __init__(self, tokens: Iterable[tuple[str, Collection[str]]] = ()) -> None:
        self._grants = [(_digest(token), frozenset(namespaces)) for token, namespaces in tokens]

    def check(self, authorization: str, namespace: str) -> None:
        """Raise TokenInvalid or NamespaceNotAllowed unless the header's token allows the namespace."""
        if not self._grants:
            return
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise TokenInvalid
        presented = _digest(token.strip())
        # All digests are compared, each in constant time, so that the time does not depend on the token.
        allowed = [names for known, names in self._grants if hmac.compare_digest(known, presented)]
        if not allowed:
            raise TokenInvalid
        if not any(ANY_NAMESPACE in names or namespace in names for names in allowed):
            raise NamespaceNotAllowed(namespace)


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
