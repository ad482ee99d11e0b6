"""When a job runs: at the deadline that the database told, or at an interval."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler  # type: ignore[import-untyped]  # the package has no types

from worker import errors
from worker.backoff import Backoff
from worker.jobs import LOCKED_FIRST_S, LOCKED_LONGEST_S, Sweep

log = structlog.get_logger()

MARGIN_S = 0.001  # a sweep a moment too early would find nothing and have to come again
LOOK_AGAIN_S = 1.0  # a hint can be a moment ahead of what it tells of: decoded, and not visible to others yet
FAULT_FIRST_S = 0.2
FAULT_LONGEST_S = 5.0


class Deadlines:
    """While it leads, sweeps at the next deadline, at once while it is behind, and at the latest after `fallback_s`.

    Instants are the database's. The time that came with its last answer turns them into waits on the monotonic clock,
    so that this machine's wall clock plays no part.
    """

    def __init__(self, sweep: Callable[[], Awaitable[Sweep]], fallback_s: float) -> None:
        self._sweep = sweep
        self._fallback_s = fallback_s
        self._is_leader = False
        self._is_stopping = False
        self._woken = asyncio.Event()
        self._due_at_s = self._look_again_at_s = float("inf")
        self._last: tuple[datetime, float] | None = None  # the server's time, and the monotonic time it came at
        self._locked = Backoff(LOCKED_FIRST_S, LOCKED_LONGEST_S)
        self._faults = Backoff(FAULT_FIRST_S, FAULT_LONGEST_S)

    async def run(self) -> None:
        """Until stopped; a sweep that has begun is finished."""
        while not self._is_stopping:
            wait_s = self._due_at_s - _now_s()
            if wait_s > 0:
                self._woken.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), min(wait_s, self._fallback_s))
            elif self._is_leader:
                self._due_at_s = _now_s() + self._fallback_s
                if self._look_again_at_s <= _now_s():
                    self._look_again_at_s = float("inf")
                planned_at_s = await self._sweep_once()
                # A hint that came during the sweep may be of a session that the sweep did not see yet.
                self._plan(min(planned_at_s, self._look_again_at_s))
            else:
                self._due_at_s = float("inf")

    def lead(self, is_leader: bool) -> None:
        self._is_leader = is_leader
        self.wake()

    def wake(self) -> None:
        """Sweep now."""
        self._plan(_now_s())

    def hint(self, deadline: datetime | None) -> None:
        """There may be a deadline nearer than the known ones: this one, or one that only the database knows (None)."""
        if deadline is None:
            self._look_again_at_s = _now_s() + LOOK_AGAIN_S
        if deadline is None or self._last is None:
            self.wake()
        else:
            self._plan(self._instant_s(deadline))

    def stop(self) -> None:
        self._is_stopping = True
        self._woken.set()

    async def _sweep_once(self) -> float:
        """Sweeps. Returns the monotonic time at which the next sweep is due."""
        try:
            sweep = await self._sweep()
        except errors.DatabaseError as fault:
            wait_s = self._faults.next_s()
            log.warning("sweep.failed", reason=str(fault), retry_in_s=round(wait_s, 3))
            return _now_s() + wait_s
        self._faults.reset()
        self._last = sweep.server_time, _now_s()
        if sweep.is_behind and not sweep.done_count:
            return _now_s() + self._locked.next_s()
        self._locked.reset()
        if sweep.next_deadline_at is None:
            return float("inf")
        return self._instant_s(sweep.next_deadline_at)

    def _plan(self, due_at_s: float) -> None:
        if due_at_s < self._due_at_s:
            self._due_at_s = due_at_s
            self._woken.set()

    def _instant_s(self, instant: datetime) -> float:
        assert self._last is not None  # noqa: S101 - callers looked
        server_time, answered_at_s = self._last
        return answered_at_s + (instant - server_time).total_seconds() + MARGIN_S


class WhileLeading:
    """What the leader does at once when it begins to lead and then at an interval, and no deadline hangs on."""

    def __init__(self, job: Callable[[], Awaitable[object]], interval_s: float) -> None:
        self._job = job
        self._interval_s = interval_s
        self._leading = asyncio.Event()

    def lead(self, is_leader: bool) -> None:
        (self._leading.set if is_leader else self._leading.clear)()

    async def run(self) -> None:
        """Until cancelled, in the middle of the job too."""
        while True:
            await self._leading.wait()
            try:
                await self._job()
            except errors.HourglassError as fault:
                log.warning("job.failed", reason=str(fault), retry_in_s=self._interval_s)
            except Exception:  # a fault of ours, which the sweeps need not die of
                log.exception("job.failed", retry_in_s=self._interval_s)
            await asyncio.sleep(self._interval_s)


class Periodic:
    """Jobs that run at an interval, for what no deadline hangs on: its clock is this machine's wall clock."""

    def __init__(self) -> None:
        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=defaults)

    def every(self, interval_s: float, job: Callable[[], Awaitable[None]]) -> None:
        self._scheduler.add_job(job, "interval", seconds=interval_s)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=False)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
