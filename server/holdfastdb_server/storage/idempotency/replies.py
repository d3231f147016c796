"""The stored results of requests with an id, from which repeated requests are answered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import astuple

from holdfastdb_server.domain.documents.document import DocumentKey, SyncResult
from holdfastdb_server.domain.events import EventReceipt, ReplaceResult
from holdfastdb_server.domain.values import dump_json
from holdfastdb_server.storage.engines.columns import from_micros, to_micros

DONE = "{}"
"""The result of a request whose answer is the resource as it is now."""


def write_save(versions: Sequence[int], session_sequence: int, time: datetime) -> str:
    """Return the result of a save."""
    return dump_json({"versions": versions, "sequence": session_sequence, "time": to_micros(time)})


def read_save(result: str) -> tuple[list[int], int, datetime]:
    """Return what `write_save` was given."""
    value = json.loads(result)
    return value["versions"], value["sequence"], from_micros(value["time"])


def write_put(key: DocumentKey, *, is_created: bool, is_parent_created: bool) -> str:
    """Return the result of a put of a document."""
    return dump_json([key.collection, key.document_id, is_created, is_parent_created])


def read_put(result: str) -> tuple[DocumentKey, bool, bool]:
    """Return what `write_put` was given."""
    collection, document_id, is_created, is_parent_created = json.loads(result)
    return DocumentKey(collection, document_id), is_created, is_parent_created


def write_synced(synced: SyncResult) -> str:
    """Return the result of a sync."""
    return dump_json(astuple(synced))


def read_synced(result: str) -> SyncResult:
    """Return what `write_synced` was given."""
    return SyncResult(*json.loads(result))


def write_replaced(replaced: ReplaceResult) -> str:
    """Return the result of a replacement."""
    receipts = [(r.event_id, r.sequence, to_micros(r.create_time)) for r in replaced.receipts]
    return dump_json(
        {"removed": replaced.removed_count, "last": replaced.last_sequence, "receipts": receipts}
    )


def read_replaced(result: str) -> ReplaceResult:
    """Return what `write_replaced` was given."""
    value = json.loads(result)
    receipts = [EventReceipt(name, sequence, from_micros(time)) for name, sequence, time in value["receipts"]]
    return ReplaceResult(value["removed"], receipts, value["last"])
