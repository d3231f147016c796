"""Which server a command calls: `--target`, else HOLDFAST_TARGET, else HOLDFAST_HOST and HOLDFAST_PORT.

Those are also where a server listens. Without any of them it is 127.0.0.1:7420.
"""

from __future__ import annotations

import os

import typer

from holdfastdb_server.config.addresses import DEFAULT_HOST, DEFAULT_PORT, join_address

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- what a server listens on, to be replaced


def choose_target(target: str | None) -> str:
    """Return `host:port`, or the gRPC target that was given. A bad one is a usage error."""
    if target and target.startswith(("http://", "https://")):
        raise typer.BadParameter("it is HOST:PORT, without http://", param_hint="--target or HOLDFAST_TARGET")
    if target:
        return target
    port = os.environ.get("HOLDFAST_PORT") or str(DEFAULT_PORT)
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65_536):
        problem = "it is no port from 1 to 65535; name the server with --target"
        raise typer.BadParameter(problem, param_hint="HOLDFAST_PORT")
    return reachable_address(os.environ.get("HOLDFAST_HOST") or DEFAULT_HOST, int(port))


def reachable_address(host: str, port: int) -> str:
    """Return the address by which this machine reaches a server that listens on `host`."""
    plain = host.strip("[]")
    return join_address(_LOOPBACK.get(plain, plain), port)
