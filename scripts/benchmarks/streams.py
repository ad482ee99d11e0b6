"""Many streams of usage: what each takes of the worker's memory, and how long an event takes to its reader."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator

import psycopg

from benchmarks import database, events, meters, readers, subscribers
from benchmarks.comparison import percentile
from benchmarks.people import BARE, SEND
from benchmarks.report import Row
from benchmarks.scale import Scale
from local_stack.processes import StackError, free_port
from local_stack.testing import TemporaryStack

RESEND_S = 0.5
PAUSE_S = 0.01
VERSIONED = SEND.replace("{}", '{"version": 0}')


def measure(stack: TemporaryStack, scale: Scale) -> Iterator[Row]:
    """Everybody has a live session, so that the worker looks at each of them every 10 seconds meanwhile."""
    url = f"http://127.0.0.1:{free_port()}"
    with database.connect(stack) as connection:
        database.start_sessions(connection, scale.streams)
        with events.running(stack, HTTP_PORT=url.rpartition(":")[2]):
            yield from asyncio.run(_measure(stack, scale, url))


async def _measure(stack: TemporaryStack, scale: Scale, url: str) -> list[Row]:
    user_ids = database.user_ids(scale.streams)
    empty = _memory(url)
    bare_memory = await _held_memory(stack, url, scale.streams) - empty
    async with (
        _sending(stack) as connection,
        readers.reading(stack, url, user_ids) as (everybody, openings),
    ):
        await asyncio.gather(*(_settle(connection, everybody, user_id) for user_id in user_ids))
        memory = _memory(url) - empty
        streamed, direct = await _latencies(stack, connection, everybody, user_ids, scale.stream_events)
        if everybody.ended_count:
            raise StackError(f"{everybody.ended_count} streams ended by themselves.")
    count = f"{scale.streams:,} streams"
    each_kb, bare_kb = memory / scale.streams / 1024, bare_memory / scale.streams / 1024
    rows = [Row(f"memory per stream, {count}", each_kb, bare_kb, each_kb / bare_kb, "kB")]
    for percent in events.PERCENTS:
        streamed_ms, direct_ms = (1000 * percentile(values, percent) for values in (streamed, direct))
        name = f"message → stream, {count}, p{percent}"
        rows.append(Row(name, streamed_ms, direct_ms, streamed_ms / direct_ms, "ms"))
    opening_ms = 1000 * percentile(openings, 99)
    rows.append(Row(f"first state, {count} opened 50 at once, p99", opening_ms, opening_ms, 1, "ms"))
    return rows


async def _latencies(
    stack: TemporaryStack,
    connection: psycopg.AsyncConnection,
    everybody: readers.Readers,
    user_ids: list[str],
    count: int,
) -> tuple[list[float], list[float]]:
    """Of messages to their streams, and of the same messages to somebody who has joined the channel itself."""
    streamed, direct = [], []
    chosen = user_ids[:: max(len(user_ids) // count, 1)][:count]
    async with subscribers.subscribed(stack, chosen) as joined:
        for user_id in chosen:
            arrivals = everybody.expect(user_id, BARE), joined.expect(user_id, BARE)
            began = time.time()
            await connection.execute(VERSIONED, [f"user:{user_id}"])
            async with asyncio.timeout(subscribers.PATIENCE_S):
                streamed.append(await arrivals[0] - began)
                direct.append(await arrivals[1] - began)
            await asyncio.sleep(PAUSE_S)
    return streamed, direct


async def _settle(connection: psycopg.AsyncConnection, everybody: readers.Readers, user_id: str) -> None:
    """Returns once the user's stream hears of events."""
    arrival = everybody.expect(user_id, BARE)
    async with asyncio.timeout(subscribers.PATIENCE_S):
        while not arrival.done():
            await connection.execute(VERSIONED, [f"user:{user_id}"])
            await asyncio.wait({arrival}, timeout=RESEND_S)


async def _held_memory(stack: TemporaryStack, url: str, count: int) -> float:
    """The worker's memory while as many connections do nothing."""
    nothing = readers.Readers(stack, url)
    try:
        await asyncio.gather(*(nothing.hold() for _ in range(count)))
        return _memory(url)
    finally:
        await nothing.close()


def _memory(url: str) -> float:
    return meters.value(url, meters.MEMORY)


@contextlib.asynccontextmanager
async def _sending(stack: TemporaryStack) -> AsyncIterator[psycopg.AsyncConnection]:
    async with await psycopg.AsyncConnection.connect(stack.db_url, autocommit=True) as connection:
        yield connection
