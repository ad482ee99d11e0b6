"""People with supabase-py: their calls, their channels, and somebody who makes sure that channels deliver."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg
from postgrest import APIError
from realtime import AsyncRealtimeChannel, RealtimeSubscribeStates
from supabase import AsyncClient, AsyncClientOptions, acreate_client

from local_stack.config import Stack

PATIENCE_S = 60.0  # far beyond what anything takes, the real server's back-offs of 2 and 5 s included
RESEND_S = 0.1
SEND = "select realtime.send('{}'::jsonb, 'ready', %s, true)"

Json = dict[str, Any]


class JoinRefusedError(Exception):
    """The server does not let this client into the channel."""


@dataclass
class Ear:
    """A joined channel, the broadcasts that have come and, if asked for, who is present."""

    channel: AsyncRealtimeChannel
    heard: asyncio.Queue[Json] = field(default_factory=asyncio.Queue)
    seen: asyncio.Event = field(default_factory=asyncio.Event)

    async def next(self) -> Json:
        """The next broadcast as `{"event": …, "payload": …}`; fails when none comes."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.heard.get()

    def is_quiet(self) -> bool:
        return self.heard.empty()

    async def sees(self, people: Json) -> None:
        """Waits until just these are present, by id what each tracks; fails when that does not come."""
        async with asyncio.timeout(PATIENCE_S):
            while self._present() != people:
                self.seen.clear()
                await self.seen.wait()

    def _present(self) -> Json:
        """Only the first that somebody tracks."""
        state: Json = self.channel.presence_state()
        return {who: {k: v for k, v in tracked[0].items() if k != "presence_ref"} for who, tracked in state.items()}


@dataclass(frozen=True)
class Person:
    """A client with somebody's token."""

    id: str
    client: AsyncClient

    async def call(self, function: str, *, get: bool = False, **arguments: Any) -> Any:
        return (await self.client.rpc(function, arguments, get=get).execute()).data

    async def refusal(self, function: str, *, get: bool = False, **arguments: Any) -> APIError:
        """Why a call is refused; fails when it is not."""
        try:
            answer = await self.call(function, get=get, **arguments)
        except APIError as error:
            return error
        raise AssertionError(f"{function} is not refused, it answers {answer}")

    async def listen(
        self,
        topic: str | None = None,
        *,
        private: bool = True,
        hears_itself: bool = False,
        sees_others: bool = False,
    ) -> Ear:
        """Joins a channel, one's own unless told otherwise. Raises JoinRefusedError."""
        joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_state(state: RealtimeSubscribeStates, fault: Exception | None) -> None:
            if joined.done():
                return
            if state is RealtimeSubscribeStates.SUBSCRIBED:
                joined.set_result(None)
            else:
                joined.set_exception(JoinRefusedError(str(fault)))

        config: Any = {"broadcast": {"ack": False, "self": hears_itself}, "presence": None, "private": private}
        if sees_others:
            config["presence"] = {"enabled": True, "key": self.id}
        channel = self.client.channel(topic or f"user:{self.id}", {"config": config})
        ear = Ear(channel)
        if sees_others:
            channel.on_presence_sync(ear.seen.set)
        channel.on_broadcast("*", lambda message: ear.heard.put_nowait(dict(message)))
        async with asyncio.timeout(PATIENCE_S):
            await channel.subscribe(on_state)
            try:
                await joined
            except JoinRefusedError:
                await self.client.remove_channel(channel)  # or it would try again and again
                raise
        return ear


class App:
    """Makes people, and closes their clients afterwards."""

    def __init__(self, stack: Stack, undo: AsyncExitStack) -> None:
        self.stack = stack
        self._undo = undo

    async def user(self, user_id: str | None = None, **claims: Any) -> Person:
        """Somebody signed in: new, unless named."""
        user_id = user_id or f"user-{uuid.uuid4()}"
        return await self.bearer(self.stack.sign({"sub": user_id, "role": "authenticated", **claims}), user_id)

    async def bearer(self, token: str, user_id: str = "") -> Person:
        return await self._client(self.stack.anon_key, {"Authorization": f"Bearer {token}"}, user_id)

    async def nobody(self) -> Person:
        """Who has only the app's public key."""
        return await self._client(self.stack.anon_key, {}, "")

    async def back_end(self) -> Person:
        return await self._client(self.stack.service_role_key, {}, "")

    async def _client(self, key: str, headers: dict[str, str], user_id: str) -> Person:
        http = await self._undo.enter_async_context(httpx.AsyncClient(timeout=PATIENCE_S))
        options = AsyncClientOptions(headers=headers, httpx_client=http, auto_refresh_token=False)
        client = await acreate_client(self.stack.api_url, key, options)
        self._undo.push_async_callback(client.remove_all_channels)
        if headers:
            await client.realtime.set_auth(headers["Authorization"].removeprefix("Bearer "))
        return Person(user_id, client)


@asynccontextmanager
async def app_of(stack: Stack) -> AsyncIterator[App]:
    async with AsyncExitStack() as undo:
        yield App(stack, undo)


@asynccontextmanager
async def delivering(app: App) -> AsyncIterator[None]:
    """While this lasts, what the database sends reaches who has joined.

    The server begins to listen to the database with the first join, and loses what is sent just then.
    """
    keeper = await app.user()
    ear = await keeper.listen()
    async with (
        asyncio.timeout(PATIENCE_S),
        await psycopg.AsyncConnection.connect(app.stack.db_url, autocommit=True) as connection,
    ):
        while ear.is_quiet():
            await connection.execute(SEND, [f"user:{keeper.id}"])
            await asyncio.sleep(RESEND_S)
    yield
