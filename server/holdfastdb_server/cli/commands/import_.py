"""`holdfast import`: store chat transcripts, one a line, as sessions."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from holdfastdb_server.cli import options
from holdfastdb_server.cli.invocation import INTERRUPTED, USAGE, Server, call, complain, emit, fail

if TYPE_CHECKING:
    from holdfastdb import AsyncClient, HoldfastError, Session
    from holdfastdb_server.cli.transcripts.lines import Transcript

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def import_(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A JSON Lines file; `-` is stdin.", show_default=False)
    ],
    prefix: Annotated[
        str | None,
        typer.Option(
            "--prefix",
            metavar="TEXT",
            help="The beginning of generated session ids. [default: the file's name]",
        ),
    ] = None,
    in_flight: Annotated[
        int,
        typer.Option("--in-flight", metavar="N", min=1, max=256, help="Write N sessions at a time."),
    ] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    target: options.Target = None,
    namespace: options.Namespace = "default",
    token: options.Token = None,
    tls: options.Tls = False,
) -> None:
    """Import chat transcripts: one session a line, with a list "messages" in OpenAI's format.

    A session's id is the line's "session_id" or "id", else it is generated from its "task_id" and "trial",
    else from a hash of the line. All other fields are stored too: `holdfast export` writes the same lines.
    Repeating an import, even an interrupted one, adds nothing twice.

    Example: holdfast import transcripts.jsonl

    Exits with 1 if a line was skipped (stderr says which and why) or the server failed, with 2 for wrong
    usage.
    """
    server = Server(target, namespace, token, tls)
    with ExitStack() as stack:
        stream = _open(file, stack)
        size = Path(file).stat().st_size if file != "-" else None
        progress = _Progress(size, stack)
        stem = prefix if prefix is not None else ("stdin" if file == "-" else Path(file).stem)
        started = time.monotonic()
        try:
            tally = call(server, lambda client: _Import(client, stem, progress).run(stream, in_flight))
        except KeyboardInterrupt:
            fail("interrupted; repeat the command to continue", INTERRUPTED)
    _summarize(tally, time.monotonic() - started, as_json)
    if tally.skipped:
        raise typer.Exit(1)


@dataclass(slots=True)
class _Tally:
    sessions: int = 0
    known: int = 0
    """Sessions that existed before."""
    messages: int = 0
    skipped: int = 0


class _Progress:
    """A progress bar on stderr if that is a terminal, and a line for each skipped line of the file."""

    def __init__(self, size: int | None, stack: ExitStack) -> None:
        self._advance: Callable[[int], None] = lambda count: None
        self._print: Callable[[str], None] = complain
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.markup import escape
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

            console = Console(stderr=True, highlight=False, emoji=False)
            columns = (TextColumn("importing"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
            bar = stack.enter_context(Progress(*columns, console=console, transient=True))
            task = bar.add_task("", total=size)
            self._advance = lambda count: bar.advance(task, count)
            self._print = lambda text: console.print(f"[red]holdfast:[/] {escape(text)}", soft_wrap=True)

    def advance(self, count: int) -> None:
        """Count bytes that are done."""
        self._advance(count)

    def skipped(self, number: int, reason: str) -> None:
        """Print which line was skipped, and why."""
        from holdfastdb_server.cli.views.formatting import one_line

        self._print(f"line {number} is skipped: {one_line(reason)}")


class _Import:
    """Reads lines and writes sessions.

    Sessions are created one after the other, in the order of the lines. Their events are written for several
    sessions at a time.
    """

    def __init__(self, client: AsyncClient, prefix: str, progress: _Progress) -> None:
        self._client = client
        self._prefix = prefix
        self._progress = progress
        self._tally = _Tally()

    async def run(self, stream: BinaryIO, in_flight: int) -> _Tally:
        """Import all lines. Raises HoldfastError for an error that is not due to a line."""
        free = asyncio.Semaphore(in_flight)
        async with asyncio.TaskGroup() as tasks:
            number = 0
            async for line in _lines(stream):
                number += 1
                await free.acquire()
                begun = await self._begin(number, line)
                if begun is None:
                    free.release()
                else:
                    task = tasks.create_task(self._fill(number, *begun))
                    task.add_done_callback(lambda _: free.release())
                self._progress.advance(len(line))
        return self._tally

    async def _begin(self, number: int, line: bytes) -> tuple[Transcript, Session] | None:
        """Create the session; None for a line that is empty or skipped."""
        from holdfastdb import HoldfastError
        from holdfastdb_server.cli.transcripts.exact_json import BadTranscript
        from holdfastdb_server.cli.transcripts.lines import read_line

        if number == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line.strip():
            return None
        try:
            transcript = read_line(line, self._prefix)
            session = await self._client.sessions.create(
                transcript.session_id,
                user_id=transcript.user_id,
                agent_id=transcript.agent_id,
                task_id=transcript.task_id,
                title=transcript.title,
                labels=transcript.labels,
                metadata=transcript.metadata,
            )
        except BadTranscript as bad:
            self._skip(number, str(bad))
        except HoldfastError as error:
            self._skip_or_raise(number, error)
        else:
            return transcript, session
        return None

    async def _fill(self, number: int, transcript: Transcript, session: Session) -> None:
        """Activate the session, write its events and complete it, as far as that is not done yet."""
        from holdfastdb import HoldfastError, SessionStatus
        from holdfastdb_server.cli.transcripts.lines import chunks

        sessions, history = self._client.sessions, self._client.history
        session_id, status = transcript.session_id, session.status
        try:
            if status is SessionStatus.PENDING:
                status = (await sessions.activate(session_id, reason="import")).status
            for chunk in chunks(transcript.events):
                await history.append(session_id, chunk)
            if status is SessionStatus.ACTIVE:
                await sessions.complete(session_id, reason="import")
        except HoldfastError as error:
            self._skip_or_raise(number, error)
        else:
            self._tally.sessions += 1
            self._tally.known += session.last_sequence > 0
            self._tally.messages += len(transcript.events) - 1

    def _skip_or_raise(self, number: int, error: HoldfastError) -> None:
        """Skip a line that the server refuses; raise an error that the next line would get too."""
        from holdfastdb import (
            AlreadyExists,
            FailedPrecondition,
            InvalidArgument,
            NotFound,
            Reason,
            ResourceExhausted,
        )

        is_lines_fault = isinstance(
            error, AlreadyExists | FailedPrecondition | InvalidArgument | NotFound | ResourceExhausted
        )
        if not is_lines_fault or error.reason == Reason.OVERLOADED:
            raise error
        self._skip(number, str(error))

    def _skip(self, number: int, reason: str) -> None:
        self._tally.skipped += 1
        self._progress.skipped(number, reason)


def _open(file: str, stack: ExitStack) -> BinaryIO:
    if file == "-":
        return sys.stdin.buffer
    try:
        return stack.enter_context(Path(file).open("rb"))
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}", USAGE)


async def _lines(stream: BinaryIO) -> AsyncIterator[bytes]:
    """The lines, read in a thread: a pipe may be slow."""
    while line := await asyncio.to_thread(stream.readline):
        yield line


def _summarize(tally: _Tally, seconds: float, as_json: bool) -> None:
    if as_json:
        emit(
            json.dumps(
                {
                    "sessions": tally.sessions,
                    "already_there": tally.known,
                    "messages": tally.messages,
                    "skipped_lines": tally.skipped,
                    "seconds": round(seconds, 3),
                }
            )
        )
        return
    line = f"{tally.sessions:,} sessions with {tally.messages:,} messages in {seconds:.1f} s"
    if tally.known:
        line += f"; {tally.known:,} of the sessions existed before"
    if tally.skipped:
        line += f"; {tally.skipped:,} lines skipped"
    typer.echo(line)
    if tally.sessions:
        typer.secho("list them with `holdfast sessions`", dim=True)
