"""The one place that speaks to Postgres: connections that heal themselves, and what an SQLSTATE means."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import structlog
from psycopg.conninfo import conninfo_to_dict

from worker import errors

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 5
ANSWER_TIMEOUT_S = 5.0
POOLER_PROBES = 2

# A network that is cut without a word is noticed by both ends within about five seconds.
CLIENT_KEEPALIVES: dict[str, Any] = {
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
}
SERVER_KEEPALIVES = """select set_config('tcp_keepalives_idle', '2', false),
    set_config('tcp_keepalives_interval', '1', false), set_config('tcp_keepalives_count', '3', false)"""

Row = tuple[Any, ...]
Backend = psycopg.AsyncConnection[Row]


class Connection:
    """One connection, made by the first query that needs it and again after each loss. Queries take turns."""

    def __init__(self, url: str, name: str, on_back: Callable[[], None] = lambda: None) -> None:
        self._url = url
        self._name = name
        self._on_back = on_back
        self._backend: Backend | None = None
        self._is_lost = False
        self._turn = asyncio.Lock()

    async def fetch(self, query: str, parameters: Sequence[Any] = (), timeout_s: float = ANSWER_TIMEOUT_S) -> Row:
        """The one row that the query answers. Raises DatabaseError; after a loss the next call connects anew."""
        async with self._turn:
            try:
                if self._backend is None:
                    self._backend = await _connect(self._url)
                row = await _answer(self._backend, query, parameters, timeout_s)
            except psycopg.Error as error:
                fault = translate(error)
                if isinstance(fault, errors.DatabaseUnavailableError) or self._backend is None or self._backend.closed:
                    await self.close()
                    self._say_lost(fault)
                raise fault from error
            self._say_back()
            return row

    async def close(self) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            await backend.close()

    def _say_lost(self, fault: errors.DatabaseError) -> None:
        if not self._is_lost:
            self._is_lost = True
            log.warning("database.lost", connection=self._name, reason=str(fault))

    def _say_back(self) -> None:
        if self._is_lost:
            self._is_lost = False
            log.info("database.back", connection=self._name)
            self._on_back()


async def is_transaction_pooler(url: str) -> bool:
    """Whether another client may be given the backend that serves ours, so that no session-level lock can hold."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S), contextlib.AsyncExitStack() as clients:
            ours = await clients.enter_async_context(await _connect(url))
            pid = await _backend_pid(ours)
            if pid == ours.info.backend_pid:
                return False  # the server named its own process when it let us in: nothing stands between
            for _ in range(POOLER_PROBES):
                other = await clients.enter_async_context(await _connect(url))
                await other.execute("begin")  # keeps the backend that it is given
                if await _backend_pid(other) == pid or await _backend_pid(ours) != pid:
                    return True
            return False
    except TimeoutError:
        raise errors.DatabaseUnavailableError("no answer in time") from None
    except psycopg.Error as error:
        raise translate(error) from error


def translate(error: psycopg.Error) -> errors.DatabaseError:
    """What an error of the driver or the server means for the worker."""
    state = error.sqlstate or ""
    reason = next(iter(str(error).splitlines()), "")
    if state.startswith(("08", "53", "57P")) or (not state and isinstance(error, psycopg.OperationalError)):
        return errors.DatabaseUnavailableError(reason)
    if state in {"3F000", "42501", "42883", "42P01"}:
        return errors.SchemaMissingError(f"{state}: {reason}")
    return errors.DatabaseError(f"{state}: {reason}" if state else reason)


def require_url(url: str) -> None:
    """Raises ValueError, which does not repeat the URL, unless this is one that libpq understands."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise ValueError("not a postgresql:// URL")
    try:
        conninfo_to_dict(url)
    except psycopg.Error:
        raise ValueError("not a URL that libpq can read; is the password percent-encoded?") from None


def password_of(url: str) -> str:
    return str(conninfo_to_dict(url).get("password") or "")


async def _connect(url: str) -> Backend:
    backend: Backend = await psycopg.AsyncConnection.connect(
        url,
        autocommit=True,
        application_name="hourglass-worker",
        connect_timeout=CONNECT_TIMEOUT_S,
        **CLIENT_KEEPALIVES,
    )
    await _answer(backend, SERVER_KEEPALIVES, (), CONNECT_TIMEOUT_S)
    return backend


async def _backend_pid(backend: Backend) -> int:
    (pid,) = await _answer(backend, "select pg_backend_pid()", (), CONNECT_TIMEOUT_S)
    return int(pid)


async def _answer(backend: Backend, query: str, parameters: Sequence[Any], timeout_s: float) -> Row:
    query_task = asyncio.create_task(_ask(backend, query, parameters))
    query_task.add_done_callback(lambda task: task.cancelled() or task.exception())  # a caller that left asks nobody
    try:
        await asyncio.wait({query_task}, timeout=timeout_s)
    finally:
        if not query_task.done():
            _cut(backend)
            await asyncio.wait({query_task})
    return query_task.result()


async def _ask(backend: Backend, query: str, parameters: Sequence[Any]) -> Row:
    cursor = await backend.execute(query.encode(), parameters)
    row = await cursor.fetchone()
    return row or ()


def _cut(backend: Backend) -> None:
    """Ends the socket under a query. Cancelling it would ask the server first, which may be what does not answer."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(backend.pgconn.socket)) as wire:
        wire.shutdown(socket.SHUT_RDWR)
