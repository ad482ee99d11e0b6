"""One joined topic of one socket: the pushes that it takes, what it hears, and how long its token lets it live."""

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

from local_stack import realtime_authorization as authorization
from local_stack import realtime_join as joining
from local_stack import realtime_protocol as protocol
from local_stack import realtime_replay as replay
from local_stack import realtime_rooms as rooms
from local_stack.realtime_tokens import RefusedError, authorise

if TYPE_CHECKING:
    from local_stack.realtime_socket import Socket

PREFIX = "realtime:"
TOKEN_CHECK_S = 300


class CrashError(Exception):
    """A push that kills its channel in the real server, which then tells the client so with phx_error."""


class Channel:
    """Made by `join`, ended by `shut_down` or by its socket."""

    def __init__(self, socket: "Socket", join: protocol.Message) -> None:
        self.socket = socket
        self.join_ref = join.join_ref
        self.wire_topic: str = join.topic
        self.topic = self.wire_topic.removeprefix(PREFIX)
        self.config = joining.read(join.payload, socket.token)
        self.presence_key = self.config.presence_key
        self.presence: rooms.Meta | None = None
        self.room: rooms.Room | None = None  # while it is joined
        self._realtime = socket.realtime
        self._token = self.config.token
        self._has_presence = self.config.has_presence
        self._permissions = authorization.Permissions(
            self._realtime.pool, self.topic, is_private=self.config.is_private
        )
        self._replayed: frozenset[str] = frozenset()
        self._tracked: str | None = None
        self._presence_pushes, self._window_ends = 0, 0.0
        self._token_check: asyncio.TimerHandle | None = None

    @classmethod
    async def join(cls, socket: "Socket", join: protocol.Message) -> "Channel":
        """Enters the room and pushes what was missed and who is there. Raises RefusedError."""
        if join.topic == PREFIX:
            raise RefusedError("TopicNameRequired", "You must provide a topic name")
        channel = cls(socket, join)
        if len(socket.channels) >= socket.realtime.settings.channels_per_socket:
            raise RefusedError("ChannelRateLimitReached", "Too many channels")
        try:
            await channel._renew()
            await channel._enter()
        except RefusedError:
            channel.stop()
            raise
        return channel

    async def _enter(self) -> None:
        private = self.config.is_private
        missed = await replay.messages(self._realtime.pool, self.topic, self.config.replay, is_private=private)
        self.room = self._realtime.rooms.enter(self.topic, private, self)
        self._replayed = frozenset(message.id for message in missed)
        for message in missed:
            self._push("broadcast", message.envelope)
        if self._has_presence and self._permissions.let_read(authorization.PRESENCE):
            self._push("presence_state", self.room.presences())

    def deliver(self, broadcast: protocol.Broadcast, frames: dict[protocol.Serializer, protocol.Frame | None]) -> None:
        if isinstance(broadcast, protocol.UserEvent) and broadcast.meta.get("id") in self._replayed:
            return
        serializer = self.socket.serializer
        if serializer not in frames:
            frames[serializer] = serializer.broadcast(self.wire_topic, broadcast)
        if (frame := frames[serializer]) is not None:
            self.socket.send(frame)

    async def take(self, push: protocol.Message) -> None:
        """One push of the client; events that nobody knows are ignored. Raises CrashError."""
        match push.event, push.payload:
            case "broadcast", payload:
                await self._broadcast(payload, push.ref)
            case "presence", {"event": str(event), **rest}:
                await self._presence(event.lower(), rest.get("payload", {}), push.ref)
            case "presence", {"event": _}:
                raise CrashError
            case "presence", _:
                self._reply(push.ref)
            case "access_token", {"access_token": str(token)}:
                await self._refresh(token)

    async def _broadcast(self, payload: Any, ref: Any) -> None:
        if not await self._permissions.let_write(authorization.BROADCAST):
            return
        broadcast = payload if isinstance(payload, protocol.UserEvent) else protocol.Event("broadcast", payload)
        fits = broadcast.size <= self._realtime.settings.payload_bytes
        if fits and self.room is not None:
            sender = None if self.config.echoes else self
            try:
                self._realtime.rooms.publish(self.topic, self.config.is_private, broadcast, sender)
            except protocol.UnencodableError as error:
                raise CrashError from error
        if self.config.acknowledges:
            self._reply(ref, *(("ok", {}) if fits else ("error", "payload_size_exceeded")))

    async def _presence(self, event: str, payload: Any, ref: Any) -> None:
        if self._pushes_presence_too_often():
            self.shut_down("Client presence rate limit exceeded")
        elif event == "untrack":
            self._untrack()
            self._reply(ref)
        elif event != "track" or not await self._permissions.let_write(authorization.PRESENCE):
            self._reply(ref, "error")
        elif not isinstance(payload, dict):
            self._reply(ref, "error", {"reason": "Presence track payload must be a map"})
        elif len(protocol.dumps(payload).encode()) > self._realtime.settings.payload_bytes:
            self.shut_down("Track message size exceeded")
        else:
            self._track(payload)
            self._reply(ref)

    def _track(self, payload: rooms.Meta) -> None:
        text = json.dumps(payload, sort_keys=True)  # of Python's values, 1 and true would be equal
        if self.room is not None and text != self._tracked:
            self.room.track(self, payload)
            self._tracked, self._has_presence = text, True

    def _untrack(self) -> None:
        self._tracked = None
        if self.room is not None:
            self.room.untrack(self)

    def _pushes_presence_too_often(self) -> bool:
        settings, now = self._realtime.settings, time.monotonic()
        if now > self._window_ends:
            self._presence_pushes, self._window_ends = 0, now + settings.presence_window_s
        self._presence_pushes += 1
        return self._presence_pushes > settings.presence_pushes

    async def _refresh(self, token: str) -> None:
        if token == self._token or token.startswith(joining.NEW_KEY):
            return
        self._token = token
        try:
            await self._renew()
        except RefusedError as refusal:
            self.shut_down(refusal.message)

    async def _renew(self) -> None:
        """Takes the token into use. Raises RefusedError."""
        claims = authorise(self._token, self._realtime.jwt_secret)
        person = authorization.Person(claims, self.socket.headers)
        await self._permissions.ask(person, with_presence=self._has_presence)
        self._check_token_later(claims["exp"])

    def _check_token_later(self, exp: int) -> None:
        if self._token_check is not None:
            self._token_check.cancel()
        wait_s = min(exp - int(time.time()), TOKEN_CHECK_S)
        self._token_check = asyncio.get_running_loop().call_later(wait_s, self._check_token)

    def _check_token(self) -> None:
        try:
            self._check_token_later(authorise(self._token, self._realtime.jwt_secret)["exp"])
        except RefusedError as refusal:
            self.shut_down(refusal.message)

    def _push(self, event: str, payload: Any) -> None:
        self.socket.push(protocol.Message(self.wire_topic, event, payload, join_ref=self.join_ref))

    def _reply(self, ref: Any, status: str = "ok", response: Any = None) -> None:
        if self.room is not None:
            self.socket.reply(self.wire_topic, ref, self.join_ref, status, {} if response is None else response)

    def shut_down(self, message: str) -> None:
        """Tells the client why and closes; the socket stays."""
        if self.room is not None:
            system = {"extension": "system", "status": "error", "message": message, "channel": self.topic}
            self._push("system", system)
            self.socket.close_channel(self)

    def stop(self) -> None:
        """Leaves the room. Whoever was present is announced as gone."""
        if self._token_check is not None:
            self._token_check.cancel()
        if self.room is not None:
            self.room = None
            self._realtime.rooms.leave(self.topic, self.config.is_private, self)
