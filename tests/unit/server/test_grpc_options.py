"""gRPC ignores an option that it does not know: nothing else would notice a misspelt one."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from holdfastdb._transport.channel import DEFAULT_OPTIONS
from holdfastdb_server.grpc_server import GRPC_OPTIONS


@pytest.fixture(scope="module")
def library() -> bytes:
    """gRPC's core, which holds the names of all its options."""
    found = find_spec("grpc._cython.cygrpc")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).read_bytes()


@pytest.mark.parametrize("name", ["grpc.max_receive_message_length", *GRPC_OPTIONS, *DEFAULT_OPTIONS])
def test_grpc_knows_each_option_that_it_is_given(library: bytes, name: str) -> None:
    assert name.encode() in library


def test_a_server_bears_the_pings_of_our_clients_on_a_quiet_connection() -> None:
    bearable = GRPC_OPTIONS["grpc.http2.min_ping_interval_without_data_ms"]
    assert int(DEFAULT_OPTIONS["grpc.keepalive_time_ms"]) > bearable
    assert GRPC_OPTIONS["grpc.keepalive_permit_without_calls"]
