"""Fingerprints: they tell a repeated request from another request with the same id."""

from __future__ import annotations

import hashlib

import msgspec

_encode = msgspec.json.Encoder(order="deterministic").encode


def fingerprint_of(*content: object) -> bytes:
    """Return 16 bytes (BLAKE2b of the content as JSON) that are equal for equal content.

    Content is what msgspec encodes: structs, plain JSON values, times, durations and bytes. The order of a
    mapping's members and of a set's does not count.
    """
    return hashlib.blake2b(_encode(content), digest_size=16).digest()
