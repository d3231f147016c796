"""Addresses to listen on."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
from collections.abc import Iterator, Sequence
from typing import Any

from holdfastdb_server.storage.options import StartupRefused

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 7420


def check_address_is_free(host: str, port: int, variable: str) -> None:
    """Raise StartupRefused with a reason: gRPC's own error has none, and it writes to stderr itself."""
    found = _look_up(host, port)
    for family, kind, protocol, _, address in found:
        try:
            with socket.socket(family, kind, protocol) as probe:
                # As the server will: connections of a former one that are still closing do not matter.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                problem = "is in use; is another server running? Choose another port"
                raise StartupRefused(f"{join_address(host, port)} {problem} ({variable})") from None
            if error.errno in (errno.EACCES, errno.EPERM):
                raise StartupRefused(f"{join_address(host, port)} may not be used ({variable})") from None
            if error.errno == errno.EADDRNOTAVAIL and len(found) == 1:
                raise StartupRefused(f"{host} is no address of this machine") from None


@contextlib.contextmanager
def shared_port(host: str, port: int) -> Iterator[int]:
    """Keep a port for processes that listen on it together, and return it; 0 takes a free one."""
    if not hasattr(socket, "SO_REUSEPORT"):
        raise StartupRefused(
            "this system lets no two processes listen on one port: leave HOLDFAST_WORKERS at 1"
        )
    family, kind, protocol, _, address = _look_up(host, port)[0]
    with socket.socket(family, kind, protocol) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(address)
        taken: int = holder.getsockname()[1]
        yield taken


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def join_address(host: str, port: int) -> str:
    """Return `host:port`, with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"


def _look_up(host: str, port: int) -> Sequence[tuple[Any, ...]]:
    try:
        return socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror:
        raise StartupRefused(f"there is no address '{host}'") from None
