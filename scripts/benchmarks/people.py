"""Users who start and stop sessions in the database while they listen, and a sender of bare messages."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import psycopg

from benchmarks.subscribers import PATIENCE_S, Subscribers, subscribed
from local_stack.config import Stack
from local_stack.processes import StackError

CLOSED = "session:closed"
BARE = "benchmark:bare"
SETTLING_S = 0.2  # a first join is answered before the server listens to the database

AS_USER = "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', %s, true)"
START = "select session_id, session_cap_at from public.start_usage_session()"
STOP = "select public.stop_usage_session(%s)"
SEND = f"select realtime.send('{{}}'::jsonb, '{BARE}', %s, true)"

Connection = psycopg.AsyncConnection[tuple[Any, ...]]


class People:
    """Latencies are in seconds."""

    def __init__(self, clients: Connection, sender: Connection, subscribers: Subscribers) -> None:
        self._clients = clients
        self._sender = sender
        self._subscribers = subscribers
        self._turn = asyncio.Lock()

    async def start(self, user_id: str) -> tuple[str, datetime]:
        """Starts the user's session unless it is live; its id and cap."""
        session_id, cap_at = await self._call(user_id, START)
        return str(session_id), cap_at

    async def stop_latency(self, user_id: str) -> float:
        """From the call that stops the user's session to the event; afterwards the user has a new one."""
        session_id, _ = await self.start(user_id)
        arrival = self._subscribers.expect(user_id, CLOSED)
        began = time.time()
        await self._call(user_id, STOP, session_id)
        latency_s = await _await(arrival) - began
        await self.start(user_id)
        return latency_s

    async def cap_latency(self, user_id: str) -> float:
        """From the instant of the cap of a session that is started now to the event."""
        arrival = self._subscribers.expect(user_id, CLOSED)
        _, cap_at = await self.start(user_id)
        return await _await(arrival) - cap_at.timestamp()

    async def bare_latency(self, user_id: str) -> float:
        """From a transaction that does nothing but send one message to the user to that message."""
        arrival = self._subscribers.expect(user_id, BARE)
        began = time.time()
        await self._sender.execute(SEND, [f"user:{user_id}"])
        return await _await(arrival) - began

    async def settle(self, user_id: str) -> None:
        """Returns once messages from the database arrive."""
        arrival = self._subscribers.expect(user_id, BARE)
        end = time.monotonic() + PATIENCE_S
        while not arrival.done():
            if time.monotonic() > end:
                raise StackError("No message from the database arrives.")
            await self._sender.execute(SEND, [f"user:{user_id}"])
            await asyncio.wait({arrival}, timeout=SETTLING_S)

    async def _call(self, user_id: str, query: str, *parameters: str) -> tuple[Any, ...]:
        claims = json.dumps({"sub": user_id, "role": "authenticated"})
        async with self._turn, self._clients.transaction():
            await self._clients.execute(AS_USER, [claims])
            row = await (await self._clients.execute(query.encode(), parameters)).fetchone()
        assert row is not None
        return row


@contextlib.asynccontextmanager
async def listening(stack: Stack, user_ids: Sequence[str]) -> AsyncIterator[People]:
    """These users, each of them hears what the database tells."""
    async with (
        await psycopg.AsyncConnection.connect(stack.database_url("authenticator"), autocommit=True) as clients,
        await psycopg.AsyncConnection.connect(stack.db_url, autocommit=True) as sender,
        subscribed(stack, user_ids) as subscribers,
    ):
        people = People(clients, sender, subscribers)
        await people.settle(user_ids[0])
        yield people


async def _await(arrival: asyncio.Future[float]) -> float:
    done, _ = await asyncio.wait({arrival}, timeout=PATIENCE_S)
    if not done:
        raise StackError(f"An event did not arrive within {PATIENCE_S:g} s.")
    return arrival.result()
