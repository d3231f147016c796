"""The gRPC server: its options, the address it listens on, TLS and reflection."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import grpc

from holdfastdb_server.config.addresses import join_address
from holdfastdb_server.config.settings import Settings
from holdfastdb_server.storage.options import StartupRefused

GRPC_OPTIONS = {
    "grpc.max_send_message_length": -1,
    # A tail may have no event for hours: clients may ping every 5 s. By default gRPC closes a connection on
    # which a client pings more often than every 5 minutes.
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.http2.min_ping_interval_without_data_ms": 5_000,
    # A client whose host has failed is noticed within 80 s.
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
}
"""The options that are the same for every server; the settings give the others."""


def make_grpc_server(settings: Settings) -> grpc.aio.Server:
    """Return a server that listens nowhere yet."""
    return grpc.aio.server(
        options=[
            *GRPC_OPTIONS.items(),
            ("grpc.max_receive_message_length", settings.max_request_bytes),
            # By default 1: a second server on the port would get half of the connections, without an error.
            ("grpc.so_reuseport", int(settings.workers > 1)),
        ],
    )


def add_port(server: grpc.aio.Server, settings: Settings) -> int:
    """Have the server listen where the settings say, and return its port. Raises StartupRefused."""
    address = join_address(settings.host, settings.port)
    try:
        if settings.tls_cert_file is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, _credentials(settings))
    except RuntimeError:
        raise StartupRefused(f"cannot listen on {address}") from None


def add_reflection(server: grpc.aio.Server, services: Sequence[str]) -> None:
    """Let clients list the services, with that of health checks and reflection itself."""
    from grpc_health.v1.health_pb2 import DESCRIPTOR
    from grpc_reflection.v1alpha.reflection import SERVICE_NAME, enable_server_reflection

    health = DESCRIPTOR.services_by_name["Health"].full_name
    enable_server_reflection((*services, health, SERVICE_NAME), server)


def _credentials(settings: Settings) -> grpc.ServerCredentials:
    certificate = _read_file("HOLDFAST_TLS_CERT_FILE", settings.tls_cert_file)
    key = _read_file("HOLDFAST_TLS_KEY_FILE", settings.tls_key_file)
    authorities = _read_file("HOLDFAST_TLS_CLIENT_CA_FILE", settings.tls_client_ca_file)
    return grpc.ssl_server_credentials(
        [(key or b"", certificate or b"")], authorities, authorities is not None
    )


def _read_file(variable: str, path: Path | None) -> bytes | None:
    try:
        return path.read_bytes() if path is not None else None
    except OSError as error:
        raise StartupRefused(f"{variable}: {path} cannot be read: {error.strerror}") from None
