"""`holdfast health`: is the server serving? For health checks of containers, so it loads little."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from holdfastdb_server.cli import options
from holdfastdb_server.cli.invocation import fail
from holdfastdb_server.cli.probe import ask
from holdfastdb_server.cli.target import choose_target


def health(
    service: Annotated[
        str,
        typer.Option(
            "--service", metavar="NAME", help="Ask about one service: holdfastdb.v1.HistoryService."
        ),
    ] = "",
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="How long to wait for a reply.")
    ] = 3.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    target: options.Target = None,
    tls: options.Tls = False,
) -> None:
    """Ask the server whether it is serving.

    Example: holdfast health --target holdfast.internal:7420

    Exits with 0 if it is SERVING, with 1 if it is not or does not reply, with 2 for wrong usage.
    """
    address = choose_target(target)
    status = ask(address, service=service, tls=tls, timeout=timeout)
    if as_json:
        typer.echo(json.dumps({"target": address, "status": status}))
    elif status == "SERVING":
        typer.echo(f"{address} is SERVING")
    if status != "SERVING":
        fail(f"{address} is not serving: {status}")
