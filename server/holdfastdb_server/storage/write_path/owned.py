"""Locking a resource that may belong to a session."""

from __future__ import annotations

from typing import Any

from holdfastdb_server.storage.query.resources import Resource
from holdfastdb_server.storage.write_path.transaction import LockedSession, Transaction


async def lock_owned(
    transaction: Transaction, resource: Resource, namespace: str, resource_id: str
) -> tuple[Any, LockedSession | None]:
    """Lock a resource and, before it, the session that it belongs to, if any; return the row and the session.

    One order for all who lock both, or they would deadlock. Raises the resource's NotFound.
    """
    owner = await resource.session_of(transaction.connection, namespace, resource_id)
    if owner:
        await transaction.lock([(namespace, owner)])
    # First, for a session that has just been deleted took the resource with it.
    row = await resource.require(transaction.connection, namespace, resource_id, for_update=True)
    return row, transaction.session(namespace, owner) if owner else None
