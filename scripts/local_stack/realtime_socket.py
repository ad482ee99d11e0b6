"""One client's WebSocket: it reads frames one after the other, as Phoenix' socket process does."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from local_stack import realtime_protocol as protocol
from local_stack.realtime_channel import PREFIX, Channel, CrashError
from local_stack.realtime_tokens import RefusedError

if TYPE_CHECKING:
    from local_stack.realtime import Realtime

UNMATCHED = {"reason": "unmatched topic"}


class Socket:
    """A connection that was let in, with the token of its key and its channels by topic."""

    def __init__(
        self,
        realtime: "Realtime",
        websocket: WebSocket,
        serializer: protocol.Serializer,
        token: str,
        headers: Mapping[str, str],
    ) -> None:
        self.realtime = realtime
        self.serializer = serializer
        self.token = token
        self.headers = headers
        self.channels: dict[str, Channel] = {}
        self._websocket = websocket
        self._outgoing: asyncio.Queue[protocol.Frame] = asyncio.Queue()
        # While a channel joins, the real server's socket process takes nothing else; what comes meanwhile waits here.
        self._held: list[protocol.Frame] | None = None

    async def serve(self) -> None:
        """Until the client or the server closes."""
        writer = asyncio.create_task(self._write())
        try:
            while (received := await self._websocket.receive())["type"] == "websocket.receive":
                text = received.get("text")
                frame: protocol.Frame = received["bytes"] if text is None else text
                with contextlib.suppress(protocol.MalformedFrameError):
                    await self._take(self.serializer.decode(frame))
        finally:
            for channel in self.channels.values():
                channel.stop()
            writer.cancel()

    async def _write(self) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # closed meanwhile
            while True:
                frame = await self._outgoing.get()
                if isinstance(frame, str):
                    await self._websocket.send_text(frame)
                else:
                    await self._websocket.send_bytes(frame)

    async def _take(self, message: protocol.Message) -> None:
        topic = message.topic
        if topic == "phoenix" and message.event == "heartbeat":
            self.reply(topic, message.ref, None, "ok", {})
        elif message.event == "phx_join" and isinstance(topic, str) and topic.startswith(PREFIX):
            await self._join(message)
        elif not isinstance(topic, str) or (channel := self.channels.get(topic)) is None:
            if message.event == "phx_leave":
                self.reply(topic, message.ref, message.join_ref, "ok", {})
            else:
                self.reply(topic, message.ref, None, "error", UNMATCHED)
        elif message.event == "phx_leave":
            if channel.join_ref is None or channel.join_ref == message.join_ref:
                self.reply(topic, message.ref, channel.join_ref, "ok", {})
                self.close_channel(channel)
        else:
            try:
                await channel.take(message)
            except CrashError:
                self.close_channel(channel, "phx_error")

    async def _join(self, message: protocol.Message) -> None:
        self._held = []
        if (before := self.channels.get(message.topic)) is not None:
            self.close_channel(before)
        status = "ok"
        response: dict[str, Any] = {"postgres_changes": []}
        try:
            self.channels[message.topic] = await Channel.join(self, message)
        except RefusedError as refusal:
            await asyncio.sleep(self.realtime.settings.channel_backoff_s)
            status, response = "error", {"reason": refusal.reason}
        held, self._held = self._held, None
        self.reply(message.topic, message.ref, message.join_ref, status, response)
        for frame in held:
            self.send(frame)

    def close_channel(self, channel: Channel, event: str = "phx_close") -> None:
        """Takes the channel out of its room and tells the client."""
        if self.channels.get(channel.wire_topic) is channel:
            del self.channels[channel.wire_topic]
        channel.stop()
        self.push(protocol.Message(channel.wire_topic, event, {}, channel.join_ref, channel.join_ref))

    def reply(self, topic: Any, ref: Any, join_ref: Any, status: str, response: Any) -> None:
        payload = {"status": status, "response": response}
        self.push(protocol.Message(topic, "phx_reply", payload, ref, join_ref))

    def push(self, message: protocol.Message) -> None:
        self.send(self.serializer.push(message))

    def send(self, frame: protocol.Frame) -> None:
        if self._held is not None:
            self._held.append(frame)
        else:
            self._outgoing.put_nowait(frame)
