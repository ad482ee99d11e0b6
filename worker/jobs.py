"""What is due, done: one function of the database each."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

import structlog

from worker import database
from worker.backoff import Backoff

log = structlog.get_logger()

LOCKED_FIRST_S = 0.01
LOCKED_LONGEST_S = 0.5
LOCKED_TRIES = 12

CLOSE_DUE_SESSIONS = """select swept.closed_count, swept.next_deadline_at, clock_timestamp()
    from private.close_due_sessions(%s) swept"""


@dataclass(frozen=True)
class Sweep:
    """What one sweep did. `server_time` was read after it, by the database, whose clock is the clock."""

    closed_count: int
    next_deadline_at: datetime | None
    server_time: datetime

    @property
    def is_behind(self) -> bool:
        """More is due already: the batch was full, or somebody held a row."""
        return self.next_deadline_at is not None and self.next_deadline_at <= self.server_time


async def close_due_sessions(connection: database.Connection, batch_size: int) -> Sweep:
    """Closes up to `batch_size` sessions that are due. Raises DatabaseError."""
    sweep = Sweep(*await connection.fetch(CLOSE_DUE_SESSIONS, (batch_size,)))
    if sweep.closed_count:
        log.info("sessions.closed", count=sweep.closed_count, next_deadline_at=sweep.next_deadline_at)
    return sweep


async def close_all_due_sessions(connection: database.Connection, batch_size: int) -> Sweep:
    """Sweeps until nothing is due, or what is left stays locked for seconds; counts all. Raises DatabaseError."""
    locked = Backoff(LOCKED_FIRST_S, LOCKED_LONGEST_S)
    closed_count = 0
    while True:
        sweep = await close_due_sessions(connection, batch_size)
        closed_count += sweep.closed_count
        if not sweep.is_behind or locked.tries == LOCKED_TRIES:
            return Sweep(closed_count, sweep.next_deadline_at, sweep.server_time)
        if sweep.closed_count:
            locked.reset()
        else:
            await asyncio.sleep(locked.next_s())
