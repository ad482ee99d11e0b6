"""A wire between a worker and a server that can be cut or go deaf."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

CHUNK_BYTES = 65536
SETTLING_S = 0.01


class Wire:
    """Forwards TCP connections on a port of its own to the place that a URL names."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._place = parts.hostname, parts.port or 80
        self._parts = parts
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._server: asyncio.Server | None = None
        self._relays: set[asyncio.Task[None]] = set()
        self._port = 0
        self._hears = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._hears.set()
        self._do(self._listen())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """The URL that leads through this wire."""
        user, at, _ = self._parts.netloc.rpartition("@")
        return self._parts._replace(netloc=f"{user}{at}127.0.0.1:{self._port}").geturl()

    def cut(self) -> None:
        """Ends every connection and refuses new ones."""
        self._do(self._stop())

    def deafen(self) -> None:
        """Forwards nothing more, while every connection stays open."""
        self._loop.call_soon_threadsafe(self._hears.clear)

    def mend(self) -> None:
        """New connections work again; those that went deaf have lost what was said."""
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._hears.set)
        self._do(self._listen())

    def _do(self, deed: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(deed, self._loop).result()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        # Connections that are being accepted become relays a moment later.
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for relay in self._relays:
                relay.cancel()
            await asyncio.wait(others, timeout=SETTLING_S)
        await asyncio.sleep(0)  # for transports that were aborted to be closed

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._relays.add(task)
        ends = [writer]
        try:
            there_reader, there_writer = await asyncio.open_connection(*self._place)
            ends.append(there_writer)
            await asyncio.gather(self._relay(reader, there_writer), self._relay(there_reader, writer))
        except (OSError, asyncio.CancelledError):
            pass  # either way this connection is over
        finally:
            self._relays.discard(task)
            for end in ends:
                end.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                await self._hears.wait()
                writer.write(chunk)
                await writer.drain()
        writer.close()
