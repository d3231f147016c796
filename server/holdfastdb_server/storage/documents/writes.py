"""Writing documents: one or many in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.documents.document import ContentIndex, Document, DocumentDraft, DocumentKey
from holdfastdb_server.domain.errors import ParentNotFound
from holdfastdb_server.storage.documents.rows import fields_values, key_of
from holdfastdb_server.storage.documents.tree import DocumentStatements, DocumentTree, cycle
from holdfastdb_server.storage.engines.full_text import FULL_WEIGHT, FullText
from holdfastdb_server.storage.idempotency.request_ids import Conflict
from holdfastdb_server.storage.schema import document_members, documents


class Outcome(Enum):
    """What a write did to a document."""

    CREATED = auto()
    UPDATED = auto()
    UNCHANGED = auto()


@dataclass(frozen=True, slots=True)
class Written:
    """A document after a write, and what the write did."""

    document: Document
    outcome: Outcome


class DocumentWriter:
    """Writes documents of one namespace. `indexes` has what their contents are searched by."""

    def __init__(
        self,
        connection: AsyncConnection,
        statements: DocumentStatements,
        full_text: FullText,
        namespace: str,
        indexes: Mapping[DocumentKey, ContentIndex],
    ) -> None:
        self._connection = connection
        self._sql = statements
        self._full_text = full_text
        self._namespace = namespace
        self._indexes = indexes
        self.tree = DocumentTree(connection, statements)

    async def write(
        self, drafts: Sequence[DocumentDraft], existing: Mapping[DocumentKey, Any]
    ) -> list[Written]:
        """Create or replace documents; `existing` are the locked rows of those that exist.

        Raises ParentNotFound, DependencyCycle, and Conflict if another transaction has just created one.
        """
        fingerprints = {draft.key: draft.fields.fingerprint() for draft in drafts}
        new = [draft for draft in drafts if draft.key not in existing]
        changed = [
            draft
            for draft in drafts
            if draft.key in existing and bytes(existing[draft.key].fingerprint) != fingerprints[draft.key]
        ]
        keys = {key: row.key for key, row in existing.items()}
        keys |= await self._parent_keys([*new, *changed], fingerprints.keys())
        await self._insert(new, keys, fingerprints)
        await self._update(changed, existing, keys, fingerprints)
        await self._index(keys, new, changed)
        writing = {draft.key for draft in (*new, *changed)}
        await self.tree.refresh(existing[draft.key] for draft in drafts if draft.key not in writing)
        above = {keys[draft.fields.parent] for draft in (*new, *changed) if draft.fields.parent is not None}
        left = {existing[draft.key].parent_key for draft in changed}
        await self.tree.settle({keys[draft.key] for draft in changed} | above | left)
        return [self._written(draft, existing.get(draft.key), draft.key in writing) for draft in drafts]

    async def _parent_keys(self, drafts: Sequence[DocumentDraft], written: Any) -> dict[DocumentKey, int]:
        parents = {draft.fields.parent for draft in drafts if draft.fields.parent is not None} - written
        found = await self.tree.share(self._namespace, parents)
        if missing := sorted(parents - found.keys()):
            raise ParentNotFound(missing[0].collection, missing[0].document_id)
        return {key: row.key for key, row in found.items()}

    async def _insert(
        self,
        drafts: Sequence[DocumentDraft],
        keys: dict[DocumentKey, int],
        fingerprints: Mapping[DocumentKey, bytes],
    ) -> None:
        """Insert parents before their children, and add to `keys`."""
        insert = self._sql.dialect.insert(documents).on_conflict_do_nothing()
        query = insert.returning(documents.c.key, documents.c.collection, documents.c.id)
        waiting = list(drafts)
        while waiting:
            ready = [d for d in waiting if d.fields.parent is None or d.fields.parent in keys]
            if not ready:
                raise _circle(waiting)
            values = [
                {
                    "namespace": self._namespace,
                    "collection": draft.key.collection,
                    "id": draft.key.document_id,
                    "version": 1,
                    "create_time": self.tree.now,
                    **self._values(draft, keys, fingerprints[draft.key]),
                }
                for draft in ready
            ]
            found = (await self._connection.execute(query, values)).all()
            if len(found) < len(ready):
                raise Conflict
            keys.update({key_of(row): row.key for row in found})
            waiting = [draft for draft in waiting if draft.key not in keys]

    async def _update(
        self,
        drafts: Sequence[DocumentDraft],
        existing: Mapping[DocumentKey, Any],
        keys: Mapping[DocumentKey, int],
        fingerprints: Mapping[DocumentKey, bytes],
    ) -> None:
        if not drafts:
            return
        changes = [
            (existing[draft.key], self._values(draft, keys, fingerprints[draft.key])) for draft in drafts
        ]
        moved = [row.key for row, new in changes if new["parent_key"] != row.parent_key]
        if moved:
            # Two transactions, each of which moves a document below the other's, would not see the cycle.
            await self._sql.dialect.lock_name(self._connection, f"document parents/{self._namespace}")
        update = (
            documents.update()
            .where(documents.c.key == sa.bindparam("b_key"))
            .values({name: sa.bindparam(name) for name in (*changes[0][1], "version")})
        )
        params = [{"b_key": row.key, "version": row.version + 1, **new} for row, new in changes]
        await self._connection.execute(update, params)
        if moved:
            await self.tree.check_no_cycle(moved)

    def _values(
        self, draft: DocumentDraft, keys: Mapping[DocumentKey, int], fingerprint: bytes
    ) -> dict[str, Any]:
        parent = draft.fields.parent
        expire_time = self._expire_time(draft)
        return {
            **fields_values(draft, fingerprint),
            "parent_key": None if parent is None else keys[parent],
            "parent_collection": None if parent is None else parent.collection,
            "parent_id": None if parent is None else parent.document_id,
            "update_time": self.tree.now,
            "expire_time": expire_time,
            "subtree_expire_time": expire_time,
            "expiry_check_time": expire_time,
        }

    def _expire_time(self, draft: DocumentDraft) -> datetime | None:
        return None if draft.fields.ttl is None else self.tree.now + draft.fields.ttl

    async def _index(
        self,
        keys: Mapping[DocumentKey, int],
        new: Sequence[DocumentDraft],
        changed: Sequence[DocumentDraft],
    ) -> None:
        if changed:
            old = document_members.c.row_key.in_([keys[draft.key] for draft in changed])
            await self._connection.execute(document_members.delete().where(old))
        indexes = [(keys[draft.key], self._indexes[draft.key]) for draft in (*new, *changed)]
        if not indexes:
            return
        members = [(row_key, index.members) for row_key, index in indexes if index.members is not None]
        if members:
            await self._sql.dialect.insert_rows(self._connection, document_members, members)
        words = [
            (row_key, self._namespace, [(w, FULL_WEIGHT) for w in index.words]) for row_key, index in indexes
        ]
        await self._full_text.write(self._connection, words)

    def _written(self, draft: DocumentDraft, row: Any, is_written: bool) -> Written:
        now = self.tree.now
        if row is None:
            version, create_time, update_time, outcome = 1, now, now, Outcome.CREATED
        elif is_written:
            version, create_time, update_time = row.version + 1, row.create_time, now
            outcome = Outcome.UPDATED
        else:
            version, create_time, update_time = row.version, row.create_time, row.update_time
            outcome = Outcome.UNCHANGED
        document = Document(
            draft.key, draft.fields, version, create_time, update_time, self._expire_time(draft)
        )
        return Written(document, outcome)


def _circle(waiting: Sequence[DocumentDraft]) -> Exception:
    """Return the error for new documents each of whose parents is among them."""
    parents = {draft.key: draft.fields.parent for draft in waiting}
    path: list[DocumentKey] = []
    key: DocumentKey | None = waiting[0].key
    while key is not None and key not in path:
        path.append(key)
        key = parents[key]
    assert key is not None
    return cycle(path[path.index(key) :])
