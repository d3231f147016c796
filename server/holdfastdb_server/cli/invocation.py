"""How commands talk to a server, and how they fail: one line on stderr, and an exit code.

0: done. 1: it failed, such as an unknown id or no server. 2: wrong usage or a bad setting.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, TypeVar

import typer

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
    import holdfastdb

    async def run() -> T:
        client = holdfastdb.connect(
            server.target, namespace=server.namespace, token=server.token, tls=server.tls
        )
        async with client:
            try:
                return await action(client)
            except BaseExceptionGroup as group:  # of tasks that went on beside each other
                raise _first(group) from None

    try:
        return asyncio.run(run())
    except holdfastdb.HoldfastError as error:
        fail(describe(error, server), USAGE if isinstance(error, holdfastdb.InvalidArgument) else FAILED)
    except BrokenPipeError:
        raise  # the reader of our output has seen enough: no failure to report
    except OSError as error:
        fail(str(error))


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def describe(error: HoldfastError, server: Server) -> str:
    """The error in a line, with what to do about it where that is known."""
    import holdfastdb
    from holdfastdb._transport.channel import DEFAULT_TARGET

    if isinstance(error, holdfastdb.Unavailable | holdfastdb.DeadlineExceeded) and not error.reason:
        target = server.target or DEFAULT_TARGET
        return f"no server answers at {target}; start one with `holdfast serve`, or name it with --target"
    return str(error)


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
