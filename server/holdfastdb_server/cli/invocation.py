"""How commands talk to a server, and how they fail: one line on stderr, and an exit code.

0: done. 1: it failed, such as an unknown id or no server. 2: wrong usage or a bad setting.
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
"""What shells expect after Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Server:
    """Which server to talk to, and how."""

    target: str | None
    namespace: str
    token: str | None
    tls: bool


def call(server: Server, action: Callable[[AsyncClient], Awaitable[T]]) -> T:
    """The result of an action with a client of the server. Ends the command if a call fails."""
    import asyncio  # here, not above: to print the version or the help takes half as long without it

    import holdfastdb

    target = choose_target(server.target)

    async def run() -> T:
        client = holdfastdb.connect(target, namespace=server.namespace, token=server.token, tls=server.tls)
        async with client:
            try:
                return await action(client)
            except BaseExceptionGroup as group:  # of tasks that went on beside each other
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
    """The error in a line, with what to do about it where that is known."""
    import holdfastdb

    if isinstance(error, holdfastdb.Unavailable | holdfastdb.DeadlineExceeded) and not error.reason:
        return f"no server answers at {target}; start one with `holdfast serve`, or name it with --target"
    return str(error)


def program() -> str:
    """How this program must be typed: `holdfast`, if the shell finds it by that name, else its path."""
    started_as = Path(sys.argv[0])
    if started_as.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m holdfastdb_server"
    found = shutil.which(started_as.name)
    if found is not None and started_as.exists() and started_as.samefile(found):
        return started_as.name
    return shlex.quote(str(started_as))


def fail(message: str, code: int = FAILED) -> NoReturn:
    """End the command with a line on stderr."""
    complain(message)
    raise typer.Exit(code)


def complain(message: str) -> None:
    """A line on stderr."""
    typer.secho("holdfast: ", fg=typer.colors.RED, err=True, nl=False)
    typer.echo(" ".join(message.split()), err=True)


def emit(text: str) -> None:
    """A line for a script on stdout, as UTF-8 whatever the terminal speaks, at once."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode() + b"\n")
    sys.stdout.buffer.flush()
