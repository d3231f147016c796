"""A proxy in front of PostgreSQL that reads the protocol: it notes statements, and cuts at them."""

from __future__ import annotations

import asyncio
import struct
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

_ENCRYPTION_REQUESTS = (80877103, 80877104)
"""The codes of SSLRequest and GSSENCRequest, which come before the startup message."""


class PostgresProxy:
    """Passes on what goes between clients and the PostgreSQL of `database_url`, while the block lasts."""

    def __init__(self, database_url: str) -> None:
        self.statements: list[str] = []
        """The text of every statement that was executed, BEGIN and COMMIT too, in order."""
        self._cut: tuple[str, bool] | None = None
        self._parts = urlsplit(database_url)
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()

    def cut(self, marker: str, *, is_carried_out: bool) -> None:
        """Have the next statement whose text contains `marker` lose its connection.

        `is_carried_out`: PostgreSQL gets the statement, and only its answer is lost.
        """
        self._cut = marker, is_carried_out

    @property
    def is_cut_due(self) -> bool:
        """Whether no statement has met the cut yet."""
        return self._cut is not None

    def executes(self, text: str) -> bool | None:
        """Note a statement. If it is to be cut, return whether it is carried out."""
        self.statements.append(text)
        if self._cut is None or self._cut[0] not in text:
            return None
        _, is_carried_out = self._cut
        self._cut = None
        return is_carried_out

    @property
    def url(self) -> str:
        """The URL of the same database, through the proxy."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        account = self._parts.netloc.rpartition("@")[0]
        return urlunsplit(self._parts._replace(netloc=f"{account}@127.0.0.1:{port}"))

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        port = self._parts.port or 5432
        try:
            to_server = await asyncio.open_connection(self._parts.hostname, port)
            try:
                await _Link(self, (reader, writer), to_server).run()
            finally:
                to_server[1].transport.abort()
        except (OSError, asyncio.IncompleteReadError):
            pass  # one side has closed, and so does the other
        finally:
            writer.transport.abort()
            self._links.discard(task)


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Link:
    """One client's connection."""

    def __init__(self, proxy: PostgresProxy, client: Stream, server: Stream) -> None:
        self._proxy = proxy
        self._from_client, self._to_client = client
        self._from_server, self._to_server = server
        self._texts: dict[bytes, str] = {}
        """Of prepared statements, by name."""
        self._portals: dict[bytes, str] = {}
        self._is_answer_lost = False

    async def run(self) -> None:
        """Pass messages on until one side closes, or the connection is cut."""
        await self._start_up()
        sides = [asyncio.create_task(self._upwards()), asyncio.create_task(self._downwards())]
        try:
            done, _ = await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for side in sides:
                side.cancel()
            await asyncio.gather(*sides, return_exceptions=True)
        for side in done:
            side.result()

    async def _start_up(self) -> None:
        while True:
            head = await self._from_client.readexactly(8)
            length, code = struct.unpack("!II", head)
            if code not in _ENCRYPTION_REQUESTS:
                break
            self._to_client.write(b"N")  # no encryption here
        self._to_server.write(head + await self._from_client.readexactly(length - 8))

    async def _upwards(self) -> None:
        while True:
            kind, body = await _message(self._from_client)
            text = self._executed(kind, body)
            if text is not None and (is_carried_out := self._proxy.executes(text)) is not None:
                if not is_carried_out:
                    return
                self._is_answer_lost = True
            self._to_server.write(_packed(kind, body))
            await self._to_server.drain()

    async def _downwards(self) -> None:
        while True:
            kind, body = await _message(self._from_server)
            if not self._is_answer_lost:
                self._to_client.write(_packed(kind, body))
                await self._to_client.drain()
            elif kind == b"Z":  # ReadyForQuery: the statement, or the transaction, is done
                return

    def _executed(self, kind: bytes, body: bytes) -> str | None:
        """Return the text of the statement that this message executes, if it does."""
        if kind == b"Q":
            return body[:-1].decode()
        names = body.split(b"\0", 2)
        if kind == b"P":
            self._texts[names[0]] = names[1].decode()
        elif kind == b"B":
            self._portals[names[0]] = self._texts[names[1]]
        elif kind == b"E":
            return self._portals[names[0]]
        return None


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    kind, length = struct.unpack("!cI", await reader.readexactly(5))
    return kind, await reader.readexactly(length - 4)


def _packed(kind: bytes, body: bytes) -> bytes:
    return struct.pack("!cI", kind, len(body) + 4) + body
