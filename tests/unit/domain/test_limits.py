"""The limits and defaults are those that the contract documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from holdfastdb_server.domain import limits

_PROTOS = (Path(__file__).parents[3] / "protos" / "holdfastdb" / "v1").glob("*.proto")
DOCUMENTED = re.sub(r"\s+(// )?", " ", " ".join(file.read_text() for file in sorted(_PROTOS)))

KIBIBYTE, MEBIBYTE = 1024, 1024 * 1024
SENTENCES: dict[str, tuple[object, object]] = {
    "1 to 100 requests, with at most 1,000 events in all": (
        (limits.APPENDS_PER_BATCH, limits.EVENTS_PER_REQUEST),
        (100, 1_000),
    ),
    "1 to 64 segments joined by `/`, at most 1,024 bytes in UTF-8": (
        (limits.COLLECTION_SEGMENTS, limits.COLLECTION_BYTES),
        (64, 1_024),
    ),
    "One JSON text, nested at most 500 levels deep.": (limits.JSON_DEPTH, 500),
    "At most 3 MiB (3,145,728 bytes": (limits.PAYLOAD_BYTES, 3_145_728),
    "all together at most 64 KiB as JSON": (limits.METADATA_BYTES, 64 * KIBIBYTE),
    "Each from 0 to 10^12.": (limits.RUN_TOKENS, 10**12),
    "more than 10,000 groups": (limits.SUMMARY_GROUPS, 10_000),
    "only the first 10,000 different words of a content are searched": (limits.CONTENT_WORDS, 10_000),
    "the value, as one JSON text. At most 64 KiB.": (limits.CONTENT_VALUE_BYTES, 64 * KIBIBYTE),
    "by their first 255 characters": (limits.WORD_LENGTH, 255),
    "1 to 64 different words; at most 4,000 characters": (
        (limits.QUERY_WORDS, limits.QUERY_LENGTH),
        (64, 4_000),
    ),
    "A plan has at most 1,000 items and at most 3 MiB in all.": (
        (limits.PLAN_ITEMS, limits.PLAN_BYTES),
        (1_000, 3 * MEBIBYTE),
    ),
    "From 1 second to 36,500 days.": (
        (limits.RETENTION_MIN.total_seconds(), limits.RETENTION_MAX.days),
        (1, 36_500),
    ),
    "Absent means 60 seconds; more than 5 minutes means 5 minutes.": (
        (limits.APPROVAL_WAIT.total_seconds(), limits.WAIT_MAX.total_seconds()),
        (60, 300),
    ),
    "from 1 second to 24 hours. Absent means 60 seconds.": (
        tuple(bound.total_seconds() for bound in (limits.LEASE_MIN, limits.LEASE_MAX, limits.LEASE_DURATION)),
        (1, 86_400, 60),
    ),
    "applies (7 days unless configured otherwise)": (limits.Policy().session_retention.days, 7),
    "keeps a `request_id` for 24 hours unless configured otherwise": (
        limits.Policy().idempotency_ttl.total_seconds(),
        86_400,
    ),
    "The server keeps the newest versions of a key (100 unless configured otherwise)": (
        limits.Policy().state_versions_kept,
        100,
    ),
    "0 in a request means 10.": (limits.TASK_ATTEMPTS, 10),
    "0 means 20; more than 100 means 100. A page also ends before its results exceed about 3 MiB": (
        (limits.PAGE_SIZE, limits.PAGE_SIZE_MAX, limits.PAGE_BYTES),
        (20, 100, 3 * MEBIBYTE),
    ),
    "0 means 100; more than 1,000 means 1,000.": (
        (limits.EVENT_PAGE_SIZE, limits.EVENT_PAGE_SIZE_MAX),
        (100, 1_000),
    ),
}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_the_contract_says_what_the_server_holds(sentence: str) -> None:
    assert sentence in DOCUMENTED
    actual, documented = SENTENCES[sentence]
    assert actual == documented
