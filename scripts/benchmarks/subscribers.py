"""Users that listen to their own topics, over real WebSockets."""

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from local_stack.config import Stack
from local_stack.processes import StackError

CHANNELS_PER_SOCKET = 100  # the server's limit
KEEP_ALIVE_S = 20
PATIENCE_S = 60.0  # far beyond what any event takes

PREFIX = "realtime:"
CONFIG = {"broadcast": {"ack": False, "self": False}, "presence": {"enabled": False}, "private": True}


class Subscribers:
    """Tells when an event reached its user, by this machine's clock, which is the database's too."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._arrivals: dict[tuple[str, str], asyncio.Future[float]] = {}
        self._replies: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._refs = itertools.count(1)

    def expect(self, user_id: str, event: str) -> asyncio.Future[float]:
        """The time (s since 1970) at which the next such event will have reached the user."""
        arrival: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._arrivals[f"{PREFIX}user:{user_id}", event] = arrival
        return arrival

    async def _serve(self, socket: ClientConnection) -> None:
        async for text in socket:
            arrived = time.time()
            frame = json.loads(text)
            if frame["event"] == "phx_reply":
                reply = self._replies.pop(frame["ref"], None)
                if reply is not None:
                    reply.set_result(frame["payload"])
            elif frame["event"] == "broadcast":
                arrival = self._arrivals.pop((frame["topic"], frame["payload"]["event"]), None)
                if arrival is not None:
                    arrival.set_result(arrived)

    async def _push(self, socket: ClientConnection, topic: str, event: str, payload: dict[str, Any]) -> None:
        ref = str(next(self._refs))
        reply = self._replies[ref] = asyncio.get_running_loop().create_future()
        await socket.send(json.dumps({"topic": topic, "event": event, "payload": payload, "ref": ref, "join_ref": ref}))
        answer = await asyncio.wait_for(reply, PATIENCE_S)
        if answer["status"] != "ok":
            raise StackError(f"{topic} answered {event} with {answer['response']}")

    async def _join(self, socket: ClientConnection, user_id: str) -> None:
        token = self._stack.sign({"sub": user_id, "role": "authenticated"})
        await self._push(socket, f"{PREFIX}user:{user_id}", "phx_join", {"config": CONFIG, "access_token": token})

    async def _keep_alive(self, socket: ClientConnection) -> None:
        while True:
            await asyncio.sleep(KEEP_ALIVE_S)
            await self._push(socket, "phoenix", "heartbeat", {})

    async def listen(self, user_ids: Sequence[str], undo: contextlib.AsyncExitStack) -> None:
        """Opens a socket for these users, until undone."""
        url = f"{self._stack.api_url.replace('http', 'ws', 1)}/realtime/v1/websocket"
        socket = await undo.enter_async_context(connect(f"{url}?apikey={self._stack.anon_key}&vsn=1.0.0"))
        for deed in (self._serve(socket), self._keep_alive(socket)):
            undo.callback(asyncio.create_task(deed).cancel)
        await asyncio.gather(*(self._join(socket, user_id) for user_id in user_ids))


@contextlib.asynccontextmanager
async def subscribed(stack: Stack, user_ids: Sequence[str]) -> AsyncIterator[Subscribers]:
    """All of these users, each joined to their own topic."""
    subscribers = Subscribers(stack)
    async with contextlib.AsyncExitStack() as undo:
        for first in range(0, len(user_ids), CHANNELS_PER_SOCKET):
            await subscribers.listen(user_ids[first : first + CHANNELS_PER_SOCKET], undo)
        yield subscribers
