"""Clients of `/usage/stream`, as bare as can be: what they cost is not what is measured."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlsplit

from benchmarks.subscribers import PATIENCE_S
from local_stack.config import Stack
from local_stack.processes import StackError

OPENED_AT_ONCE = 50
EVENT = b"event: "


class Readers:
    """A stream for each user; tells when an event reached it (s since 1970)."""

    def __init__(self, stack: Stack, url: str) -> None:
        self._stack = stack
        self._place = urlsplit(url)
        self._turn = asyncio.Semaphore(OPENED_AT_ONCE)
        self._arrivals: dict[tuple[str, str], asyncio.Future[float]] = {}
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.ended_count = 0

    def expect(self, user_id: str, event: str) -> asyncio.Future[float]:
        """When the next such event will have reached the user's stream."""
        arrival: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._arrivals[user_id, event] = arrival
        return arrival

    async def open(self, user_id: str) -> float:
        """Opens the user's stream; how long its state took, in seconds."""
        token = self._stack.sign({"sub": user_id, "role": "authenticated"})
        async with self._turn:
            began = time.time()
            state = self.expect(user_id, "session:state")
            reader = await self._ask(f"/usage/stream?access_token={token}")
            self._tasks.append(asyncio.create_task(self._read(user_id, reader)))
            async with asyncio.timeout(PATIENCE_S):
                return await state - began

    async def hold(self) -> None:
        """Opens a connection for nothing."""
        async with self._turn:
            reader = await self._ask("/healthz")
            await reader.readuntil(b'{"status":"ok"}')

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._writers.clear()

    async def _ask(self, path: str) -> asyncio.StreamReader:
        reader, writer = await asyncio.open_connection(self._place.hostname, self._place.port)
        self._writers.append(writer)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {self._place.netloc}\r\n\r\n".encode())
        status = await reader.readline()
        if b" 200 " not in status:
            raise StackError(f"The worker answered {status.decode()}")
        return reader

    async def _read(self, user_id: str, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            if line.startswith(EVENT):
                arrival = self._arrivals.pop((user_id, line[len(EVENT) :].strip().decode()), None)
                if arrival is not None and not arrival.done():
                    arrival.set_result(time.time())
        self.ended_count += 1


@contextlib.asynccontextmanager
async def reading(stack: Stack, url: str, user_ids: Sequence[str]) -> AsyncIterator[tuple[Readers, list[float]]]:
    """All of these users, each reading a stream, and how long each waited for the first state."""
    readers = Readers(stack, url)
    try:
        yield readers, await asyncio.gather(*(readers.open(user_id) for user_id in user_ids))
    finally:
        await readers.close()
