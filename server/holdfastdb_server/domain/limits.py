"""The limits and defaults of the contract: counts, lengths in characters, sizes in bytes, durations."""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

MEBIBYTE = 1024 * 1024

ID_LENGTH = 255
MEDIA_TYPE_LENGTH = 255
TITLE_LENGTH = 1_000
REASON_LENGTH = 4_000
ERROR_LENGTH = 65_536
STATE_KEY_BYTES = 1_024
PHASE_LENGTH = 255
DEDUPE_KEY_LENGTH = 1_000
LABEL_COUNT = 64
LABEL_VALUE_LENGTH = 1_000
METADATA_BYTES = 64 * 1024
PAYLOAD_BYTES = 3 * MEBIBYTE
JSON_DEPTH = 500
MESSAGE_PARTS = 1_000
EVENTS_PER_REQUEST = 1_000
APPENDS_PER_BATCH = 100
STATES_PER_REQUEST = 100
SUMMARY_GROUPS = 10_000
# Of one run: the sum over millions of runs fits 64 bits.
RUN_TOKENS = 10**12
FILTER_VALUES = 100
COLLECTION_BYTES = 1_024
COLLECTION_SEGMENTS = 64
DOCUMENTS_PER_SYNC = 1_000
CONTENT_FILTERS = 64
CONTENT_POINTER_BYTES = 1_024
CONTENT_VALUE_BYTES = 64 * 1024
CONTENT_WORDS = 10_000
WORD_LENGTH = 255
QUERY_LENGTH = 4_000
QUERY_WORDS = 64
PLAN_BYTES = 3 * MEBIBYTE
PLAN_ITEMS = 1_000
PLAN_EDITS = 1_000
ITEM_DESCRIPTION_LENGTH = 16_000
ITEM_CRITERIA = 100
ITEM_CRITERION_LENGTH = 4_000
ITEM_DEPENDENCIES = 100
MEMORY_CONTEXT_LENGTH = 16_000
MEMORY_LESSON_LENGTH = 65_536
RETENTION_MIN = timedelta(seconds=1)
RETENTION_MAX = timedelta(days=36_500)
APPROVAL_WAIT = timedelta(seconds=60)
WAIT_MAX = timedelta(minutes=5)
TASK_ATTEMPTS = 10
LEASE_DURATION = timedelta(seconds=60)
LEASE_MIN = timedelta(seconds=1)
LEASE_MAX = timedelta(hours=24)
# A page of one item can be larger, by less than 1 MiB; gRPC clients refuse messages over 4 MiB by default.
PAGE_BYTES = 3 * MEBIBYTE

PAGE_SIZE, PAGE_SIZE_MAX = 20, 100
EVENT_PAGE_SIZE, EVENT_PAGE_SIZE_MAX = 100, 1_000

DEFAULT_STATE_KEY = "default"


class Policy(Struct, frozen=True):
    """How long and how many things are kept, as the operator configures it."""

    session_retention: timedelta = timedelta(days=7)
    """How long after its last activity a session without a retention of its own expires."""
    state_versions_kept: int = 100
    """The number of newest versions of a state that are kept; at least 1."""
    idempotency_ttl: timedelta = timedelta(hours=24)
    """How long the idempotency key of a task and a request id are kept; then they may be used again."""
    session_purge: timedelta | None = None
    """How long after its end a session is deleted; None: never."""
