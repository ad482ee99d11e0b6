"""A transaction pooler, small and real: each transaction of a client runs on whichever server connection is free."""

import asyncio
import os
import socket
import struct
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import psycopg

SSL_REQUEST = 80877103
READY, IDLE, SYNC, QUERY, TERMINATE = b"Z", b"I", b"S", b"Q", b"X"
# Authentication is done, and a cancel key of the pooler's own, as poolers send.
WELCOME = b"R" + struct.pack("!ii", 8, 0) + b"K" + struct.pack("!iii", 12, 1, 1)
PARAMETERS = {"client_encoding": "UTF8", "server_version": "15.0", "standard_conforming_strings": "on"}


Server = tuple[psycopg.Connection, asyncio.StreamReader, asyncio.StreamWriter]


class TransactionPooler:
    """Listens while it is entered. Clients need no password; they act as the user of the URL."""

    def __init__(self, url: str) -> None:
        self._target = url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._idle: list[Server] = []
        self._all: list[Server] = []
        self._port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        return urlsplit(self._target)._replace(netloc=f"anybody@127.0.0.1:{self._port}").geturl()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for connection, _, writer in self._all:
            writer.transport.abort()
            connection.close()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while struct.unpack("!ii", await reader.readexactly(8))[1] == SSL_REQUEST:
                writer.write(b"N")
            await reader.readuntil(b"\0\0")  # the rest of the start-up message: who and where
            statuses = b"".join(_message(b"S", f"{k}\0{v}\0".encode()) for k, v in PARAMETERS.items())
            writer.write(WELCOME + statuses + _message(READY, IDLE))
            while await self._transaction(reader, writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.transport.abort()

    async def _transaction(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Lends the client a server connection until a transaction ends; false when it says goodbye instead."""
        kind, body = await _read(reader)
        if kind == TERMINATE:
            return False
        server = self._idle.pop() if self._idle else await self._open()
        status = b""
        try:
            while True:
                server[2].write(_message(kind, body))
                if kind in (SYNC, QUERY):
                    status = await _answer(server[1], writer)
                    if status == IDLE:
                        return True
                kind, body = await _read(reader)
        finally:
            if status == IDLE:
                self._idle.append(server)
            else:
                server[2].transport.abort()  # left in the middle of a transaction

    async def _open(self) -> Server:
        connection = psycopg.connect(self._target, autocommit=True)
        wire = socket.socket(fileno=os.dup(connection.fileno()))
        wire.setblocking(False)
        server = connection, *await asyncio.open_connection(sock=wire)
        self._all.append(server)
        return server


async def _answer(server: asyncio.StreamReader, client: asyncio.StreamWriter) -> bytes:
    """Passes on what the server says until it is ready; in which state of a transaction."""
    while True:
        kind, body = await _read(server)
        client.write(_message(kind, body))
        if kind == READY:
            return body


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    kind, length = struct.unpack("!ci", await reader.readexactly(5))
    return kind, await reader.readexactly(length - 4)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body
