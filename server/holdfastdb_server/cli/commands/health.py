"""`holdfast health`: is the server serving? For container health checks, so it loads little."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer

from holdfastdb_server.cli import options
from holdfastdb_server.cli.invocation import fail

DEFAULT_PORT = 7420


def health(
    service: Annotated[
        str,
        typer.Option("--service", metavar="NAME", help="One service, such as holdfastdb.v1.HistoryService."),
    ] = "",
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="How long to wait for the answer.")
    ] = 3.0,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for scripts.")] = False,
    target: options.Target = None,
    tls: options.Tls = False,
) -> None:
    """Ask the server whether it is serving.

    Example: holdfast health --target holdfast.internal:7420

    Exits with 0 if it is SERVING, with 1 if it is not or does not answer, with 2 for wrong usage.
    """
    # In a container, the server's own setting says where it listens.
    address = target or f"127.0.0.1:{os.environ.get('HOLDFAST_PORT') or DEFAULT_PORT}"
    status = ask(address, service=service, tls=tls, timeout=timeout)
    if as_json:
        typer.echo(json.dumps({"target": address, "status": status}))
    elif status == "SERVING":
        typer.echo(f"{address} is SERVING")
    if status != "SERVING":
        fail(f"{address} is not serving: {status}")


def ask(address: str, *, service: str = "", tls: bool, timeout: float) -> str:
    """What the server at the address says of itself, such as `SERVING`, or the code of the failed call."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    channel = (
        grpc.secure_channel(address, grpc.ssl_channel_credentials())
        if tls
        else grpc.insecure_channel(address)
    )
    with channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=service), timeout=timeout
            )
        except grpc.RpcError as error:
            return error.code().name
    status: str = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    return status
