"""Deliveries of webhooks to a server that does nothing, against a bare loop of the same HTTP client."""

import asyncio
import time
from collections.abc import Iterator

import httpx
import psycopg
import structlog

from benchmarks import database, webhook_sink
from benchmarks.comparison import compare
from benchmarks.report import Row
from benchmarks.scale import Scale
from local_stack.testing import TemporaryStack
from worker import webhooks
from worker.database import Connection
from worker.deliveries import PER_ENDPOINT, Deliveries

POLL_S = 0.01
EMPTY = "delete from public.notifications; delete from public.webhook_endpoints"
QUEUE = """
insert into public.notifications (user_id, kind, dedupe_key, payload, created_at, kept_until)
select 'u1', 'usage_capped', 'n' || n, '{"limit_seconds": 36000, "used_seconds": 36000}', now(), now()
from generate_series(1, %s) as n
"""
PENDING = "select from private.webhook_deliveries where status = 'pending' limit 1"
BODY = b'{"data": {"user_id": "u1", "limit_seconds": 36000, "used_seconds": 36000}, "type": "usage_capped"}'


def measure(stack: TemporaryStack, scale: Scale) -> Iterator[Row]:
    """Deliveries per second of one worker to one endpoint, booking included."""
    structlog.configure(processors=[structlog.processors.JSONRenderer()])
    with webhook_sink.running() as url, database.connect(stack) as connection:
        connection.execute("select public.set_account('u1')")

        def deliver() -> float:
            connection.execute(EMPTY.encode())
            connection.execute("insert into public.webhook_endpoints (url) values (%s)", [url])
            connection.execute(QUEUE, [scale.deliveries])
            return scale.deliveries / asyncio.run(_deliver(stack.worker_db_url, stack.db_url))

        def post() -> float:
            return scale.deliveries / asyncio.run(_post(url, scale.deliveries))

        found = compare(deliver, post, scale.deliver_rounds)
        connection.execute(EMPTY.encode())
        name = f"{scale.deliveries:,} webhooks vs bare posts, {PER_ENDPOINT} at once"
        yield Row(name, found.subject, found.baseline, found.ratio, "/s")


async def _deliver(worker_url: str, url: str) -> float:
    work, poster = Connection(worker_url, "webhooks"), webhooks.Poster(allow_private_addresses=True)
    deliveries = Deliveries(work, poster, fallback_s=15)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as watcher:
        began = time.perf_counter()
        running = asyncio.create_task(deliveries.run())
        while (await watcher.execute(PENDING)).rowcount:  # noqa: ASYNC110 - the event is in the database
            await asyncio.sleep(POLL_S)
        took_s = time.perf_counter() - began
    deliveries.stop()
    await running
    await work.close()
    return took_s


async def _post(url: str, count: int) -> float:
    async with httpx.AsyncClient(trust_env=False) as client:
        left = iter(range(count))

        async def post_some() -> None:
            for _ in left:
                (await client.post(url, content=BODY)).raise_for_status()

        began = time.perf_counter()
        await asyncio.gather(*(post_some() for _ in range(PER_ENDPOINT)))
        return time.perf_counter() - began
