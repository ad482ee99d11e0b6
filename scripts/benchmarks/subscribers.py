"""Users that listen to their own topics, over real WebSockets."""

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from local_stack.config import Stack
from local_stack.processes import StackError

CHANNELS_PER_SOCKET = 100  # the server's limit
KEEP_ALIVE_S = 20
PATIENCE_S = 60.0  # far beyond what any event takes

PREFIX = "realtime:"
CONFIG = {"broadcast": {"ack": False, "self": False}, "presence": {"enabled": False}, "private": True}


Claims = dict[str, Any]


@dataclass(frozen=True)
class Heard:
    """An event that reached this machine, and when (s since 1970)."""

    payload: dict[str, Any]
    at: float


class Subscribers:
    """Tells when an event reached its user, by this machine's clock, which is the database's too."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._arrivals: dict[tuple[str, str], asyncio.Future[float]] = {}
        self._heard: dict[tuple[str, str], list[Heard]] = {}
        self._replies: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._refs = itertools.count(1)

    def expect(self, user_id: str, event: str) -> asyncio.Future[float]:
        """The time (s since 1970) at which the next such event will have reached the user."""
        arrival: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._arrivals[f"{PREFIX}user:{user_id}", event] = arrival
        return arrival

    def hear(self, topic: str, event: str) -> list[Heard]:
        """Every such event from now on, as they come."""
        return self._heard.setdefault((f"{PREFIX}{topic}", event), [])

    async def _serve(self, socket: ClientConnection) -> None:
        async for text in socket:
            arrived = time.time()
            frame = json.loads(text)
            if frame["event"] == "phx_reply":
                reply = self._replies.pop(frame["ref"], None)
                if reply is not None:
                    reply.set_result(frame["payload"])
            elif frame["event"] == "broadcast":
                key = frame["topic"], frame["payload"]["event"]
                arrival = self._arrivals.pop(key, None)
                if arrival is not None:
                    arrival.set_result(arrived)
                if key in self._heard:
                    self._heard[key].append(Heard(frame["payload"]["payload"], arrived))

    async def _push(self, socket: ClientConnection, topic: str, event: str, payload: dict[str, Any]) -> None:
        ref = str(next(self._refs))
        reply = self._replies[ref] = asyncio.get_running_loop().create_future()
        await socket.send(json.dumps({"topic": topic, "event": event, "payload": payload, "ref": ref, "join_ref": ref}))
        answer = await asyncio.wait_for(reply, PATIENCE_S)
        if answer["status"] != "ok":
            raise StackError(f"{topic} answered {event} with {answer['response']}")

    async def _join(self, socket: ClientConnection, topic: str, claims: Claims) -> None:
        token = self._stack.sign(claims)
        await self._push(socket, f"{PREFIX}{topic}", "phx_join", {"config": CONFIG, "access_token": token})

    async def _keep_alive(self, socket: ClientConnection) -> None:
        while True:
            await asyncio.sleep(KEEP_ALIVE_S)
            await self._push(socket, "phoenix", "heartbeat", {})

    async def listen(self, topics: Mapping[str, Claims], undo: contextlib.AsyncExitStack) -> None:
        """Opens a socket for these topics, each joined by somebody with such a token, until undone."""
        url = f"{self._stack.api_url.replace('http', 'ws', 1)}/realtime/v1/websocket"
        socket = await undo.enter_async_context(connect(f"{url}?apikey={self._stack.anon_key}&vsn=1.0.0"))
        for deed in (self._serve(socket), self._keep_alive(socket)):
            undo.callback(asyncio.create_task(deed).cancel)
        await asyncio.gather(*(self._join(socket, topic, claims) for topic, claims in topics.items()))


@contextlib.asynccontextmanager
async def subscribed(stack: Stack, user_ids: Sequence[str]) -> AsyncIterator[Subscribers]:
    """All of these users, each joined to their own topic."""
    subscribers = Subscribers(stack)
    async with contextlib.AsyncExitStack() as undo:
        for first in range(0, len(user_ids), CHANNELS_PER_SOCKET):
            some = user_ids[first : first + CHANNELS_PER_SOCKET]
            topics = {f"user:{user_id}": {"sub": user_id, "role": "authenticated"} for user_id in some}
            await subscribers.listen(topics, undo)
        yield subscribers


@contextlib.asynccontextmanager
async def listening(stack: Stack, topic: str, claims: Claims) -> AsyncIterator[Subscribers]:
    """Somebody with such a token, joined to one topic."""
    subscribers = Subscribers(stack)
    async with contextlib.AsyncExitStack() as undo:
        await subscribers.listen({topic: claims}, undo)
        yield subscribers
