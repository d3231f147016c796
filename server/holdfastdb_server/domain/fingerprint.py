"""Fingerprints: by which a repeated request is told from another one with the same id."""

from __future__ import annotations

import hashlib
import json


def fingerprint_of(*content: object) -> bytes:
    """Return 16 bytes that differ when the content does; the order of an object's members does not count."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
