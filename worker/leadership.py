"""Who sweeps: the worker that holds a session-level lock in the database."""

import asyncio
from collections.abc import Callable

import structlog

from worker import database, errors
from worker.backoff import Backoff

log = structlog.get_logger()

LOCK = int.from_bytes(b"hourglas")
BEAT_INTERVAL_S = 1.0
BEAT_TIMEOUT_S = 3.0
FAULT_LONGEST_S = 5.0

TRY_LOCK = "select pg_try_advisory_lock(%s), pg_backend_pid()"
BEAT = "select pg_backend_pid()"


class Leadership:
    """Tries for the lock every second; holding it, asks every second whether the backend that holds it is still there.

    For a moment two can believe that they lead, when one has not noticed yet that its connection died. Sweeps are
    idempotent, so that costs nothing but a query.
    """

    def __init__(self, url: str, connection: database.Connection, on_change: Callable[[bool], None]) -> None:
        self._url = url
        self._connection = connection
        self._on_change = on_change
        self._backend_pid: int | None = None  # of the backend that holds our lock

    @property
    def is_leader(self) -> bool:
        return self._backend_pid is not None

    async def run(self) -> None:
        """Until cancelled. Raises TransactionPoolerError."""
        await self._refuse_transaction_pooler()
        log.info("leader.waiting")
        while True:
            try:
                await self._beat()
            except errors.DatabaseError as fault:
                await self._lose(str(fault))
            await asyncio.sleep(BEAT_INTERVAL_S)

    async def close(self) -> None:
        """Gives the lock back at once, by ending the session that holds it."""
        await self._lose("stopped")

    async def _refuse_transaction_pooler(self) -> None:
        backoff = Backoff(BEAT_INTERVAL_S, FAULT_LONGEST_S)
        while True:
            try:
                is_refused = await database.is_transaction_pooler(self._url)
            except errors.DatabaseError as fault:
                wait_s = backoff.next_s()
                log.warning("database.unreachable", reason=str(fault), retry_in_s=round(wait_s, 3))
                await asyncio.sleep(wait_s)
                continue
            if is_refused:
                raise errors.TransactionPoolerError
            return

    async def _beat(self) -> None:
        if self._backend_pid is None:
            is_held, pid = await self._connection.fetch(TRY_LOCK, (LOCK,), BEAT_TIMEOUT_S)
            if is_held:
                self._backend_pid = pid
                log.info("leader.gained")
                self._on_change(True)
            return
        (pid,) = await self._connection.fetch(BEAT, (), BEAT_TIMEOUT_S)
        if pid != self._backend_pid:
            raise errors.TransactionPoolerError

    async def _lose(self, reason: str) -> None:
        was_leader, self._backend_pid = self._backend_pid is not None, None
        if was_leader:
            log.info("leader.lost", reason=reason)
            self._on_change(False)
        await self._connection.close()
