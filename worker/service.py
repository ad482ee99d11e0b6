"""The worker as a whole: what starts, in which order, and how it stops."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Coroutine

import structlog

from worker import __version__, archive, database, jobs, realtime, schedule, storage
from worker.leadership import Leadership
from worker.settings import Settings

log = structlog.get_logger()

JOB_PATIENCE_S = 5.0  # what stops us is itself patient for ten seconds, as a rule


async def run(settings: Settings) -> None:
    """Until SIGTERM or SIGINT; then finishes the running job and closes in reverse order. Raises HourglassError."""
    stopped = _signals()
    url = settings.database_url.get_secret_value()
    work = database.Connection(url, "work")

    async def sweep() -> jobs.Sweep:
        return await jobs.run_due(work, settings.sweep_batch_size)

    deadlines = schedule.Deadlines(sweep, settings.fallback_interval_seconds)
    channel = realtime.Realtime(
        settings.supabase_url, settings.supabase_service_role_key.get_secret_value(), deadlines.hint
    )
    archiving = database.Connection(url, "archive")
    archiver = settings.archive_url and schedule.WhileLeading(
        archive.Archive(archiving, storage.open_storage(settings.archive_url, settings.s3_config)).run,
        archive.INTERVAL_S,
    )

    def lead(is_leader: bool) -> None:
        deadlines.lead(is_leader)
        if archiver:
            archiver.lead(is_leader)

    leadership = Leadership(url, database.Connection(url, "lock", on_back=channel.renew), lead)
    periodic = schedule.Periodic()
    periodic.every(realtime.ECHO_INTERVAL_S, channel.check)

    log.info("service.started", version=__version__)
    async with contextlib.AsyncExitStack() as parts:
        parts.push_async_callback(work.close)
        parts.push_async_callback(leadership.close)
        parts.push_async_callback(archiving.close)
        running = [
            await parts.enter_async_context(_running(leadership.run())),
            await parts.enter_async_context(_running(deadlines.run(), deadlines)),
        ]
        parts.push_async_callback(channel.close)
        running.append(await parts.enter_async_context(_running(channel.run())))
        if archiver:
            running.append(await parts.enter_async_context(_running(archiver.run())))
        periodic.start()
        parts.callback(periodic.stop)

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
    part: Coroutine[None, None, None], stoppable: schedule.Deadlines | None = None
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
