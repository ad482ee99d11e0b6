"""A stand-in of Supabase Realtime v2.99: broadcast, presence and private channels on this stack's database.

It speaks the wire protocol of the real server, delays and silent drops included. It has no Postgres Changes: joins that
ask for them are refused.
"""

import asyncio
import contextlib
import logging
from types import TracebackType

import psycopg
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from local_stack import realtime_authorization as authorization
from local_stack import realtime_protocol as protocol
from local_stack import realtime_tokens as tokens
from local_stack.config import Stack
from local_stack.realtime_http import Endpoints
from local_stack.realtime_replication import Row, Stream
from local_stack.realtime_rooms import Rooms
from local_stack.realtime_settings import Settings
from local_stack.realtime_socket import Socket

__all__ = ["Realtime", "Settings"]

PREFIX = "/realtime/v1"
FIRST_STREAM_TIMEOUT_S = 5
MAINTENANCE_S = 3600
MAINTENANCE_RETRY_S = 5
log = logging.getLogger(__name__)


class Realtime:
    """The server of one stack. As a context manager it reads the database's log and keeps its partitions."""

    def __init__(self, stack: Stack, pool: authorization.Pool, settings: Settings) -> None:
        self.pool = pool
        self.settings = settings
        self.jwt_secret = stack.jwt_secret
        self.rooms = Rooms(settings.events_per_second)
        self._stream = Stream(stack.database_url("supabase_admin"), self._take)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Realtime":
        self._tasks = [asyncio.create_task(self._stream.run()), asyncio.create_task(self._maintain())]
        # A slot waits for the transactions that are open; the rest of the stack need not.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stream.streams.wait(), FIRST_STREAM_TIMEOUT_S)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def is_streaming(self) -> bool:
        """Whether broadcasts from the database arrive."""
        return self._stream.streams.is_set()

    def routes(self) -> list[BaseRoute]:
        return [WebSocketRoute(f"{PREFIX}/websocket", self._connect), *Endpoints(self).routes(PREFIX)]

    async def _connect(self, websocket: WebSocket) -> None:
        serializer = protocol.serializer(websocket.query_params.get("vsn", "1.0.0"))
        if serializer is None:
            await websocket.close()  # before it was accepted: 403
            return
        token = websocket.headers.get("x-api-key", websocket.query_params.get("apikey", ""))
        try:
            tokens.authorise(token, self.jwt_secret)
        except tokens.RefusedError:
            await asyncio.sleep(self.settings.connect_backoff_s)
            await websocket.close()
            return
        await websocket.accept()
        headers = {name: value for name, value in websocket.headers.items() if name.startswith("x-")}
        await Socket(self, websocket, serializer, token, headers).serve()

    def _take(self, row: Row) -> None:
        """One row of realtime.messages that was committed; what is incomplete or too large goes nowhere."""
        identity, topic, event, private = row["id"], row["topic"], row["event"], row["private"]
        if identity is None or topic is None or event is None or private is None:
            return
        bytes_text, json_text = row["binary_payload"], row["payload"]
        if bytes_text is not None:
            payload = bytes.fromhex(bytes_text.removeprefix("\\x"))
        elif json_text is not None:
            payload = json_text.encode()
        else:
            return
        if len(payload) > self.settings.payload_bytes:
            log.warning("broadcast_too_large topic=%s bytes=%d", topic, len(payload))
            return
        broadcast = protocol.UserEvent(event, payload, bytes_text is None, {"id": identity})
        self.rooms.publish(topic, private == "t", broadcast)

    async def _maintain(self) -> None:
        while True:
            try:
                async with self.pool.connection(authorization.POOL_TIMEOUT_S) as connection:
                    await connection.execute("select _realtime.maintain_message_partitions()")
            except psycopg.Error as error:
                log.warning("partitions_not_kept error=%r", str(error).strip())
                await asyncio.sleep(MAINTENANCE_RETRY_S)
            else:
                await asyncio.sleep(MAINTENANCE_S)
