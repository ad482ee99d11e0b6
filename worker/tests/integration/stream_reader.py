"""Readers of `/usage/stream`, as strict as an EventSource, and the worker that they read from."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import psycopg

from local_stack.config import Stack
from local_stack.processes import free_port
from worker.tests.integration.worker_program import Worker, wait_until

PATIENCE_S = 60.0
RESEND_S = 0.1
SEND = "select realtime.send('{\"version\": 0}'::jsonb, 'ready', %s, true)"


@dataclass(frozen=True)
class Heard:
    """One event. `id` is None where it came without one."""

    name: str
    data: Any
    id: str | None


@dataclass
class Reader:
    """An open stream, and what came besides events."""

    answer: httpx.Response
    comments: list[str] = field(default_factory=list)
    retry_ms: list[int] = field(default_factory=list)
    is_ended: bool = False

    def __post_init__(self) -> None:
        self._events = self._read()

    async def next(self, *names: str) -> Heard:
        """The next event, or the next of these names; fails when none comes."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                event = await anext(self._events)
                if not names or event.name in names:
                    return event

    async def rest(self) -> list[Heard]:
        """All until the stream ends; fails when it does not."""
        async with asyncio.timeout(PATIENCE_S):
            return [event async for event in self._events]

    async def _read(self) -> AsyncIterator[Heard]:
        fields: dict[str, str] = {}
        async for line in self.answer.aiter_lines():
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line:
                if "data" in fields:
                    yield Heard(fields.get("event", "message"), json.loads(fields["data"]), fields.get("id"))
                fields = {}
            elif not name:
                self.comments.append(value)
            elif name == "retry":
                self.retry_ms.append(int(value))
            else:
                assert name in {"event", "data", "id"}
                assert name not in fields
                fields[name] = value
        self.is_ended = True


@dataclass
class Web:
    """A worker that serves HTTP."""

    stack: Stack
    worker: Worker
    url: str

    @classmethod
    def run(cls, stack: Stack, folder: Path, running: ExitStack, **env: str) -> Self:
        """Starts it, and waits until it is ready and has joined its channel."""
        port = free_port()
        worker = Worker(stack, folder, HTTP_PORT=str(port), **env).run(running)
        web = cls(stack, worker, f"http://127.0.0.1:{port}")
        wait_until("the worker is ready", web.is_ready)
        return web

    def is_ready(self) -> bool:
        try:
            answer = httpx.get(f"{self.url}/readyz")
        except httpx.TransportError:
            return False
        return answer.is_success and answer.json()["realtime"] == "joined"

    def token(self, user_id: str, valid_s: int = 3600, **claims: Any) -> str:
        return self.stack.sign({"sub": user_id, "role": "authenticated", **claims}, valid_s)

    def metric(self, name: str) -> float:
        """The value of a metric, labels included in its name."""
        for line in httpx.get(f"{self.url}/metrics").text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[-1])
        raise AssertionError(f"there is no metric {name}")

    @asynccontextmanager
    async def joined(self, user_id: str, valid_s: int = 3600) -> AsyncIterator[Reader]:
        """A stream that has begun and hears of each event from now on."""
        async with (
            self.stream(self.token(user_id, valid_s)) as reader,
            await psycopg.AsyncConnection.connect(self.stack.db_url, autocommit=True) as connection,
        ):
            ready = asyncio.create_task(reader.next("ready"))
            while not ready.done():
                await connection.execute(SEND, [f"user:{user_id}"])
                await asyncio.wait({ready}, timeout=RESEND_S)
            ready.result()
            yield reader

    @asynccontextmanager
    async def stream(self, token: str, **headers: str) -> AsyncIterator[Reader]:
        """A stream whose token goes in the header."""
        own = {"Authorization": f"Bearer {token}", **headers}
        timeout = httpx.Timeout(PATIENCE_S)
        async with (
            httpx.AsyncClient(timeout=timeout) as http,
            http.stream("GET", f"{self.url}/usage/stream", headers=own) as answer,
        ):
            assert answer.status_code == 200, await answer.aread()
            yield Reader(answer)
