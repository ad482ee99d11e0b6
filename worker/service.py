"""The worker as a whole: what starts, in which order, and how it stops."""

import asyncio
import contextlib
import resource
import signal
from collections.abc import Coroutine
from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry

from worker import (
    __version__,
    archive,
    console,
    database,
    http,
    jobs,
    metrics,
    operators,
    realtime,
    schedule,
    storage,
    webhooks,
)
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
    _allow_many_files()
    log.info("service.started", version=__version__)
    async with contextlib.AsyncExitStack() as undo:
        parts = _Parts(undo)
        _Worker(settings).start(parts)
        await parts.wait(stopped)
    log.info("service.stopped")


class _Parts:
    """What runs beside each other, and what to undo in reverse order when one of them ends."""

    def __init__(self, undo: contextlib.AsyncExitStack) -> None:
        self.undo = undo
        self._running: list[asyncio.Task[None]] = []

    def start(self, part: Coroutine[None, None, None], stoppable: Stoppable | None = None) -> None:
        """On the way out it may finish its job, if it has any, and is waited for."""
        task = asyncio.create_task(part)
        self._running.append(task)
        self.undo.push_async_callback(_end, task, stoppable)

    async def wait(self, stopped: asyncio.Event) -> None:
        """Until stopped, or until a part ends: raises what it raised."""
        ended = asyncio.ensure_future(stopped.wait())
        done, _ = await asyncio.wait({ended, *self._running}, return_when=asyncio.FIRST_COMPLETED)
        log.info("service.stopping")
        ended.cancel()
        for task in done - {ended}:
            task.result()


class _Worker:
    """The parts, and who tells whom."""

    def __init__(self, settings: Settings) -> None:
        url = settings.database_url.get_secret_value()
        key = settings.supabase_service_role_key.get_secret_value()
        registry = CollectorRegistry()
        self._batch_size = settings.sweep_batch_size
        self._work, self._look, self._posts, self._archiving = (
            database.Connection(url, name) for name in ("work", "look", "webhooks", "archive")
        )
        self._meters = metrics.Metrics(registry)
        self._usage = Usage(settings, self._meters)
        self._deadlines = schedule.Deadlines(self._sweep, settings.fallback_interval_seconds)
        poster = webhooks.Poster(settings.webhook_allow_private_addresses)
        self._deliveries = Deliveries(self._posts, poster, settings.fallback_interval_seconds)
        self._channel = realtime.Realtime(
            settings.supabase_url, key, self._deadlines.hint, self._deliveries.hint, self._lose_channel
        )
        lock = database.Connection(url, "lock", on_back=self._channel.renew)
        self._leadership = Leadership(url, lock, self._lead)
        self._archiver = settings.archive_url and schedule.WhileLeading(
            archive.Archive(self._archiving, storage.open_storage(settings.archive_url, settings.s3_config)).run,
            archive.INTERVAL_S,
        )
        self._periodic = schedule.Periodic()
        self._periodic.every(realtime.ECHO_INTERVAL_S, self._channel.check)
        asked = operators.Operators(self._look, self._leadership, self._channel, self._meters, registry)
        self._server = settings.http_port and http.Server(
            settings.http_host,
            settings.http_port,
            [*asked.routes, *self._usage.routes, *console.routes(settings)],
            self._meters,
        )

    def start(self, parts: _Parts) -> None:
        """Each part after those that it tells something, and so it stops before them."""
        for connection in (self._work, self._look, self._posts, self._archiving):
            parts.undo.push_async_callback(connection.close)
        parts.undo.push_async_callback(self._leadership.close)
        parts.start(self._leadership.run())
        parts.start(self._deadlines.run(), self._deadlines)
        parts.start(self._deliveries.run(), self._deliveries)
        if self._archiver:
            parts.start(self._archiver.run())
        parts.undo.push_async_callback(self._channel.close)
        parts.start(self._channel.run())
        self._periodic.start()
        parts.undo.callback(self._periodic.stop)
        parts.undo.push_async_callback(self._usage.close)
        if self._server:
            parts.start(self._server.run(), self._server)
        parts.undo.callback(self._usage.stop)

    async def _sweep(self) -> jobs.Sweep:
        with self._meters.sweeping():
            return self._meters.swept(await jobs.run_due(self._work, self._batch_size))

    def _lead(self, is_leader: bool) -> None:
        self._meters.lead(is_leader)
        self._deadlines.lead(is_leader)
        if self._archiver:
            self._archiver.lead(is_leader)

    def _lose_channel(self) -> None:
        self._meters.realtime_lost.labels("worker").inc()
        self._usage.renew()


def _signals() -> asyncio.Event:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped


def _allow_many_files() -> None:
    """Each stream is one, and each try of a webhook, and 1,024 are the default."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _end(task: asyncio.Task[None], stoppable: Stoppable | None) -> None:
    if stoppable is not None:
        stoppable.stop()
        await asyncio.wait({task}, timeout=JOB_PATIENCE_S)
    task.cancel()
    await asyncio.wait({task})
