"""What is due, done: one function of the database for all kinds."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from worker import database
from worker.backoff import Backoff

log = structlog.get_logger()

LOCKED_FIRST_S = 0.01
LOCKED_LONGEST_S = 0.5
LOCKED_TRIES = 12

RUN_DUE = """select swept.done_count, swept.next_deadline_at, clock_timestamp()
    from private.run_due(%s) swept"""


@dataclass(frozen=True)
class Sweep:
    """What one sweep did. `server_time` was read after it, by the database, whose clock is the clock."""

    done_count: int
    next_deadline_at: datetime | None
    server_time: datetime

    @property
    def is_behind(self) -> bool:
        """More is due already: the batch was full, or somebody held a row."""
        return self.next_deadline_at is not None and self.next_deadline_at <= self.server_time


async def run_due(connection: database.Connection, batch_size: int) -> Sweep:
    """Does up to `batch_size` of each kind that is due: ends sessions, expires rooms. Raises DatabaseError."""
    sweep = Sweep(*await connection.fetch(RUN_DUE, (batch_size,)))
    if sweep.done_count:
        log.info("sweep.done", count=sweep.done_count, next_deadline_at=sweep.next_deadline_at)
    return sweep


async def run_all_due(
    connection: database.Connection, batch_size: int, show: Callable[[int], None] = lambda done_count: None
) -> Sweep:
    """Sweeps until nothing is due, or what is left stays locked for seconds; counts all. Raises DatabaseError."""
    locked = Backoff(LOCKED_FIRST_S, LOCKED_LONGEST_S)
    done_count = 0
    while True:
        sweep = await run_due(connection, batch_size)
        done_count += sweep.done_count
        show(done_count)
        if not sweep.is_behind or locked.tries == LOCKED_TRIES:
            return Sweep(done_count, sweep.next_deadline_at, sweep.server_time)
        if sweep.done_count:
            locked.reset()
        else:
            await asyncio.sleep(locked.next_s())
