"""How commands call a server, and how they fail: one line on stderr and an exit code.

0: success. 1: failure, such as an unknown id or no server. 2: wrong usage or a bad setting. 130: Ctrl-C.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import typer

from holdfastdb_server.cli.target import choose_target

if TYPE_CHECKING:
    from holdfastdb import AsyncClient, HoldfastError

T = TypeVar("T")

FAILED = 1
USAGE = 2
INTERRUPTED = 130
"""The exit code after Ctrl-C: 128 + SIGINT."""


@dataclass(frozen=True, slots=True)
class Server:
    """Which server to call, and how."""

    target: str | None
    namespace: str
    token: str | None
    tls: bool


def call(server: Server, action: Callable[[AsyncClient], Awaitable[T]]) -> T:
    """Run an action with a client of the server and return its result. Ends the command if a call fails."""
    import asyncio  # not above: it takes 0.07 s to load, as much as all that --version needs

    import holdfastdb

    target = choose_target(server.target)

    async def run() -> T:
        client = holdfastdb.connect(target, namespace=server.namespace, token=server.token, tls=server.tls)
        async with client:
            try:
                return await action(client)
            except BaseExceptionGroup as group:  # of concurrent tasks
                raise _first(group) from None

    try:
        return asyncio.run(run())
    except holdfastdb.HoldfastError as error:
        fail(describe(error, target), USAGE if isinstance(error, holdfastdb.InvalidArgument) else FAILED)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def describe(error: HoldfastError, target: str) -> str:
    """The error in a line, with what to do if no server replies."""
    import holdfastdb

    if isinstance(error, holdfastdb.Unavailable | holdfastdb.DeadlineExceeded) and not error.reason:
        return f"no server answers at {target}; start one with `holdfast serve`, or name it with --target"
    return str(error)


def program() -> str:
    """What to type to run this program: `holdfast` if the PATH leads to it, else its path."""
    started_as = Path(sys.argv[0])
    if started_as.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m holdfastdb_server"
    found = shutil.which(started_as.name)
    if found is not None and started_as.exists() and started_as.samefile(found):
        return started_as.name
    return shlex.quote(str(started_as))


def fail(message: str, code: int = FAILED) -> NoReturn:
    """End the command with a line on stderr and this exit code."""
    complain(message)
    raise typer.Exit(code)


def complain(message: str) -> None:
    """Print a line on stderr."""
    typer.secho("holdfast: ", fg=typer.colors.RED, err=True, nl=False)
    typer.echo(" ".join(message.split()), err=True)


def emit(text: str) -> None:
    """Print a line on stdout at once, as UTF-8 whatever the locale."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode() + b"\n")
    sys.stdout.buffer.flush()
