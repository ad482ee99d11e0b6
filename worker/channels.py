"""Channels of users, each joined with the user's own token; many share one socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import structlog
from realtime import AsyncRealtimeChannel, AsyncRealtimeClient, RealtimeSubscribeStates

from worker import errors, metrics
from worker.backoff import Backoff

log = structlog.get_logger()

CHANNELS_PER_SOCKET = 100  # the server's limit
JOINS_AT_ONCE = 32
ANSWER_TIMEOUT_S = 10
CLOSE_TIMEOUT_S = 2.0
BACKOFF_FIRST_S = 0.5
BACKOFF_LONGEST_S = 10.0

OnEvent = Callable[[str, dict[str, Any]], None]


class Channel:
    """A joined channel. `lost` says why it is one no longer."""

    def __init__(self, channel: AsyncRealtimeChannel) -> None:
        self._channel = channel
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def use(self, token: str) -> None:
        """Goes on under another token of the same user. One that the server does not like ends the channel."""
        try:
            await self._channel.push("access_token", {"access_token": token})
        except Exception as fault:  # whatever the client makes of it, the cure is a fresh channel
            self.lose(str(fault))

    def lose(self, reason: str) -> None:
        if not self.lost.done():
            self.lost.set_result(reason)


class Channels:
    """The sockets. As in `realtime`, the client's own recovery is off, and the cure for any fault is a fresh socket.

    A topic is never joined where it is still being left: the client would take the end of the old for that of the new.
    """

    def __init__(self, url: str, key: str, meters: metrics.Metrics) -> None:
        self._url = f"{url}/realtime/v1"
        self._key = key
        self._meters = meters
        self.sockets: set[AsyncRealtimeClient] = set()
        self._connecting = asyncio.Lock()
        self._joining = asyncio.Semaphore(JOINS_AT_ONCE)
        self._backoff = Backoff(BACKOFF_FIRST_S, BACKOFF_LONGEST_S)
        self._away_until_s = 0.0
        self._aside: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def joined(self, topic: str, token: str, on_event: OnEvent) -> AsyncIterator[Channel]:
        """The user's channel, until the block is left. Raises RealtimeRefusedError, RealtimeLostError."""

        def receive(message: Any) -> None:
            on_event(str(message["event"]), message.get("payload") or {})

        def on_state(state: RealtimeSubscribeStates, fault: Exception | None) -> None:
            if state is not RealtimeSubscribeStates.SUBSCRIBED:
                channel.lose(str(fault) if fault else f"channel {state.value.lower()}")
            if not socket.channels or state is RealtimeSubscribeStates.TIMED_OUT:
                self._discard(socket)  # nobody needs it, or it has gone deaf

        async with self._joining:
            socket = await self._socket_for(f"realtime:{topic}")
            socket.access_token = token  # the join takes it along before anything else can run
            inner = socket.channel(
                topic, {"config": {"broadcast": {"ack": False, "self": False}, "presence": None, "private": True}}
            )
            channel = Channel(inner)
            inner.on_broadcast("*", receive)
            try:
                await inner.subscribe(on_state)
            except BaseException as fault:
                self._leave(socket, inner)
                if isinstance(fault, Exception):  # of whatever kind the client's are
                    raise errors.RealtimeLostError(str(fault)) from fault
                raise
        try:
            if channel.lost.done():
                is_refused = socket in self.sockets and socket.is_connected
                kind = errors.RealtimeRefusedError if is_refused else errors.RealtimeLostError
                raise kind(channel.lost.result())
            yield channel
            self._meters.realtime_lost.labels("user").inc()
        finally:
            self._leave(socket, inner)

    def renew(self) -> None:
        """Ends every socket, so that everybody joins anew on fresh ones."""
        for socket in list(self.sockets):
            self._discard(socket)

    async def close(self) -> None:
        """Waits a moment for sockets that are being closed."""
        self.renew()
        if self._aside:
            await asyncio.wait(self._aside, timeout=CLOSE_TIMEOUT_S)

    async def _socket_for(self, topic: str) -> AsyncRealtimeClient:
        async with self._connecting:
            for socket in list(self.sockets):
                if not socket.is_connected:
                    self._discard(socket)
                elif len(socket.channels) < CHANNELS_PER_SOCKET and topic not in socket.channels:
                    return socket
            return await self._connect()

    async def _connect(self) -> AsyncRealtimeClient:
        now_s = asyncio.get_running_loop().time()
        if now_s < self._away_until_s:
            raise errors.RealtimeLostError("tried a moment ago")
        socket = AsyncRealtimeClient(
            self._url, self._key, auto_reconnect=False, max_retries=1, timeout=ANSWER_TIMEOUT_S
        )
        try:
            await socket.connect()
        except Exception as fault:
            wait_s = self._backoff.next_s()
            self._away_until_s = now_s + wait_s
            log.warning("channels.unreachable", reason=str(fault) or type(fault).__name__, retry_in_s=round(wait_s, 3))
            raise errors.RealtimeLostError(str(fault)) from fault
        self._backoff.reset()
        self.sockets.add(socket)
        return socket

    def _leave(self, socket: AsyncRealtimeClient, channel: AsyncRealtimeChannel) -> None:
        channel.rejoin_timer.reset()
        if socket in self.sockets and socket.is_connected and not channel.is_closed:
            self._do_aside(channel.unsubscribe())

    def _discard(self, socket: AsyncRealtimeClient) -> None:
        """Closes it aside: the handshake with a deaf peer takes its time. Its channels are lost at once."""
        if socket not in self.sockets:
            return
        self.sockets.discard(socket)
        for channel in list(socket.channels.values()):
            channel.rejoin_timer.reset()
            if channel.subscribe_callback is not None:
                channel.subscribe_callback(RealtimeSubscribeStates.CLOSED, errors.RealtimeLostError("the socket ended"))
        self._do_aside(socket.close())

    def _do_aside(self, deed: Any) -> None:
        async def do() -> None:
            with contextlib.suppress(Exception):
                await deed

        task = asyncio.create_task(do())
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)
