"""Metadata is bounded in bytes of UTF-8, not in characters."""

from __future__ import annotations

import pytest

from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.limits import METADATA_BYTES
from holdfastdb_server.domain.values import check_metadata

_OVERHEAD = len('{"k":""}')


@pytest.mark.parametrize(("letter", "bytes_each"), [("x", 1), ("é", 2), ("跨", 3), ("🦜", 4)])
def test_metadata_may_have_as_many_bytes_as_allowed_and_not_one_more(letter: str, bytes_each: int) -> None:
    room = METADATA_BYTES - _OVERHEAD
    text = letter * (room // bytes_each) + "x" * (room % bytes_each)
    check_metadata("metadata", {"k": text})
    with pytest.raises(InvalidField, match=f"has {METADATA_BYTES + 1} bytes as JSON"):
        check_metadata("metadata", {"k": text + "x"})
