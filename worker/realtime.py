"""The private channel `worker`: hints of nearer deadlines and of usage to announce. Losing it costs latency only."""

import asyncio
import contextlib
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
import supabase
from realtime import AsyncRealtimeChannel, RealtimeSubscribeStates
from supabase.lib.client_options import AsyncClientOptions
from supabase.types import RealtimeClientOptions

from worker import errors
from worker.backoff import Backoff

log = structlog.get_logger()

TOPIC = "worker"
DEADLINE_CHANGED = "deadline:changed"
USAGE_CHANGED = "usage:changed"
NOTIFICATION_QUEUED = "notification:queued"
ECHO = "worker:echo"
ECHO_INTERVAL_S = 10.0
ECHO_TIMEOUT_S = 5.0
SETTLING_S = 0.1  # a first join is answered before the server listens to the database
CLOSE_TIMEOUT_S = 2.0
BACKOFF_FIRST_S = 0.5
BACKOFF_LONGEST_S = 10.0


class Realtime:
    """Keeps one channel joined, with a fresh client after every fault, and wakes `on_deadline` and `on_notification`
    for each hint.

    The client's own recovery is off: it can leave a channel closed without an error, rejoin with an expired token, or
    listen to a socket that has gone deaf. What counts is that our own broadcast comes back.
    """

    def __init__(
        self,
        url: str,
        key: str,
        on_deadline: Callable[[datetime | None], None],
        on_notification: Callable[[], None],
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._url = url
        self._key = key
        self._on_deadline = on_deadline
        self._on_notification = on_notification
        self._on_lost = on_lost
        self._channel: AsyncRealtimeChannel | None = None
        self._lost: asyncio.Future[str] | None = None
        self._echoes: dict[str, asyncio.Event] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._backoff = Backoff(BACKOFF_FIRST_S, BACKOFF_LONGEST_S)

    @property
    def is_joined(self) -> bool:
        return self._channel is not None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._stay_joined()
            except Exception as fault:  # whatever the client makes of it, the cure is a fresh one
                wait_s = self._backoff.next_s()
                event = "realtime.lost" if isinstance(fault, errors.RealtimeLostError) else "realtime.unreachable"
                log.warning(event, reason=str(fault) or type(fault).__name__, retry_in_s=round(wait_s, 3))
                await asyncio.sleep(wait_s)

    async def check(self) -> None:
        """Broadcasts to itself; the channel is lost if that does not come back in time."""
        channel, lost = self._channel, self._lost
        if channel is None or lost is None:
            return
        nonce = uuid.uuid4().hex
        echo = self._echoes[nonce] = asyncio.Event()
        try:
            async with asyncio.timeout(ECHO_TIMEOUT_S):
                await channel.send_broadcast(ECHO, {"nonce": nonce})
                await echo.wait()
            self._backoff.reset()
        except Exception as fault:
            reason = "no echo" if isinstance(fault, TimeoutError) else str(fault)
            _settle(lost, reason)
        finally:
            del self._echoes[nonce]

    def renew(self) -> None:
        """Joins anew: after a restart of Postgres nothing from the database is delivered until somebody does."""
        if self._lost is not None:
            _settle(self._lost, "the database came back")

    async def close(self) -> None:
        """Waits a moment for sockets that are being closed."""
        if self._closing:
            await asyncio.wait(self._closing, timeout=CLOSE_TIMEOUT_S)

    async def _stay_joined(self) -> None:
        """Returns never; raises why the channel was lost."""
        lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def on_state(state: RealtimeSubscribeStates, fault: Exception | None) -> None:
            if state is not RealtimeSubscribeStates.SUBSCRIBED:
                _settle(lost, str(fault) if fault else f"channel {state.value.lower()}")

        options = AsyncClientOptions(
            auto_refresh_token=False,
            persist_session=False,
            realtime=RealtimeClientOptions(auto_reconnect=False, max_retries=1),
        )
        client = await supabase.acreate_client(self._url, self._key, options)
        channel = client.channel(
            TOPIC, {"config": {"broadcast": {"ack": False, "self": True}, "presence": None, "private": True}}
        )
        channel.on_broadcast("*", self._receive)
        try:
            await channel.subscribe(on_state)
            if lost.done():
                raise errors.RealtimeRefusedError(lost.result())
            log.info("realtime.joined")
            self._channel, self._lost = channel, lost
            await asyncio.sleep(SETTLING_S)
            self._on_deadline(None)  # for what was said while nobody listened
            self._on_notification()
            await self.check()
            raise errors.RealtimeLostError(await lost)
        finally:
            if self._channel is not None:
                self._on_lost()
            self._channel = self._lost = None
            self._discard(client)

    def _receive(self, message: Any) -> None:
        payload = message.get("payload") or {}
        if message["event"] == DEADLINE_CHANGED:
            self._on_deadline(_instant(payload.get("deadline")))
        elif message["event"] == USAGE_CHANGED:
            self._on_deadline(None)
        elif message["event"] == NOTIFICATION_QUEUED:
            self._on_notification()
        elif message["event"] == ECHO and (echo := self._echoes.get(str(payload.get("nonce")))):
            echo.set()

    def _discard(self, client: supabase.AsyncClient) -> None:
        """Closes it aside: the handshake with a deaf peer takes its time."""

        async def close() -> None:
            with contextlib.suppress(Exception):
                await client.realtime.close()

        task = asyncio.create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _settle(lost: asyncio.Future[str], reason: str) -> None:
    if not lost.done():
        lost.set_result(reason)


def _instant(text: object) -> datetime | None:
    try:
        instant = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return instant if instant.tzinfo else None
