"""The worker as a whole: what starts, in which order, and how it stops."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Coroutine
from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry

from worker import __version__, database, http, jobs, metrics, operators, realtime, schedule, webhooks
from worker.deliveries import Deliveries
from worker.leadership import Leadership
from worker.settings import Settings
from worker.usage import Usage

log = structlog.get_logger()

JOB_PATIENCE_S = 5.0  # what stops us is itself patient for ten seconds, as a rule


class Stoppable(Protocol):
    """A part that ends by itself when it is told to, and finishes what it has begun."""

    def stop(self) -> None: ...


async def run(settings: Settings) -> None:
    """Until SIGTERM or SIGINT; then finishes the running job and closes in reverse order. Raises HourglassError."""
    stopped = _signals()
    url = settings.database_url.get_secret_value()
    work = database.Connection(url, "work")
    look = database.Connection(url, "look")
    registry = CollectorRegistry()
    meters = metrics.Metrics(registry)
    usage = Usage(settings, meters)

    async def sweep() -> jobs.Sweep:
        with meters.sweeping():
            return meters.swept(await jobs.run_due(work, settings.sweep_batch_size))

    def lead(is_leader: bool) -> None:
        meters.lead(is_leader)
        deadlines.lead(is_leader)

    def lose() -> None:
        meters.realtime_lost.labels("worker").inc()
        usage.renew()

    deadlines = schedule.Deadlines(sweep, settings.fallback_interval_seconds)
    posts = database.Connection(url, "webhooks")
    poster = webhooks.Poster(settings.webhook_allow_private_addresses)
    deliveries = Deliveries(posts, poster, settings.fallback_interval_seconds)
    key = settings.supabase_service_role_key.get_secret_value()
    channel = realtime.Realtime(settings.supabase_url, key, deadlines.hint, deliveries.hint, lose)
    leadership = Leadership(url, database.Connection(url, "lock", on_back=channel.renew), lead)
    periodic = schedule.Periodic()
    periodic.every(realtime.ECHO_INTERVAL_S, channel.check)
    asked = operators.Operators(look, leadership, channel, meters, registry)
    server = settings.http_port and http.Server(
        settings.http_host, settings.http_port, [*asked.routes, *usage.routes], meters
    )

    log.info("service.started", version=__version__)
    async with contextlib.AsyncExitStack() as parts:
        parts.push_async_callback(work.close)
        parts.push_async_callback(look.close)
        parts.push_async_callback(leadership.close)
        running = [
            await parts.enter_async_context(_running(leadership.run())),
            await parts.enter_async_context(_running(deadlines.run(), deadlines)),
        ]
        parts.push_async_callback(posts.close)
        running.append(await parts.enter_async_context(_running(deliveries.run(), deliveries)))
        parts.push_async_callback(channel.close)
        running.append(await parts.enter_async_context(_running(channel.run())))
        periodic.start()
        parts.callback(periodic.stop)
        parts.push_async_callback(usage.close)
        if server:
            running.append(await parts.enter_async_context(_running(server.run(), server)))
        parts.callback(usage.stop)

        ended = asyncio.ensure_future(stopped.wait())
        done, _ = await asyncio.wait({ended, *running}, return_when=asyncio.FIRST_COMPLETED)
        log.info("service.stopping")
        ended.cancel()
        for task in done - {ended}:
            task.result()
    log.info("service.stopped")


def _signals() -> asyncio.Event:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped


@contextlib.asynccontextmanager
async def _running(
    part: Coroutine[None, None, None], stoppable: Stoppable | None = None
) -> AsyncIterator[asyncio.Task[None]]:
    """A part that runs beside the others. On the way out it may finish its job, if it has any, and is waited for."""
    task = asyncio.create_task(part)
    try:
        yield task
    finally:
        if stoppable is not None:
            stoppable.stop()
            await asyncio.wait({task}, timeout=JOB_PATIENCE_S)
        task.cancel()
        await asyncio.wait({task})
