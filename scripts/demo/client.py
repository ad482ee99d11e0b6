"""One device of somebody in the demo: a Supabase client, what it calls and what it hears.

Run as a program it is a device that starts a session when told to and then only sits there, to be killed.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import httpx
import jwt
from supabase import AsyncClient, AsyncClientOptions, acreate_client

from demo.caller import Caller
from demo.channel import Channel, Payload
from demo.story import SOON, clock, expect, instant, say

TOKEN_LIFE_S = 3600
GO = "go"

State = dict[str, Any]


class Device(Caller):
    """A signed-in client: calls are made with the user's own token, events come by WebSocket."""

    def __init__(self, name: str, user_id: str, client: AsyncClient, http: httpx.AsyncClient) -> None:
        super().__init__(name, client)
        self.user_id = user_id
        self._http = http
        self._channels: list[Channel] = []

    @classmethod
    async def sign_in(cls, name: str, user_id: str) -> Self:
        claims = {"sub": user_id, "role": "authenticated", "exp": int(time.time()) + TOKEN_LIFE_S}
        token = jwt.encode(claims, os.environ["JWT_SECRET"], "HS256")
        http = httpx.AsyncClient()
        options = AsyncClientOptions(headers={"Authorization": f"Bearer {token}"}, httpx_client=http)
        client = await acreate_client(os.environ["API_URL"], os.environ["ANON_KEY"], options)
        await client.realtime.set_auth(token)
        return cls(name, user_id, client, http)

    @property
    def latencies(self) -> list[timedelta]:
        return [latency for channel in self._channels for latency in channel.latencies]

    async def listen(self) -> None:
        """Joins the user's own private channel."""
        await self._join(f"user:{self.user_id}", None)
        asked_at = datetime.now(UTC)
        state = await self.rpc("get_usage_state", {})
        self._clock_lead = instant(state["server_time"]) - (asked_at + (datetime.now(UTC) - asked_at) / 2)

    async def enter(self, topic: str) -> Channel:
        """Joins the private channel of a room."""
        return await self._join(topic, self.user_id)

    async def call(self, function: str, **arguments: Any) -> State:
        """Calls what answers a usage state and checks what every such answer promises."""
        self.sent_at = self.now()
        state: State = await self.rpc(function, arguments)
        outcome = f"{state['status']}, {clock(state['time_remaining_seconds'])} left, version {state['version']}"
        self._say(function, arguments, outcome)
        used, limit = state["total_usage_seconds"], state["limit_seconds"]
        expect(state["time_remaining_seconds"] == max(limit - used, 0), "what remains is the limit less what is used")
        expect(state["is_active"] == (state["status"] == "active"), "is_active follows the status")
        return state

    async def sessions(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = await self.rpc("list_usage_sessions", {})
        return listed

    async def rows(self, table: str, order: str) -> list[Any]:
        """What this user may read of a table."""
        return (await self._client.table(table).select("*").order(order).execute()).data

    async def hear(self, name: str, since: datetime, within: timedelta) -> State:
        """The next event on the user's own channel; it has to be this one. Returns the usage state inside."""

        def shown(payload: Payload) -> str:
            told = f"{payload['percent']} % used" if "percent" in payload else payload["state"]["status"]
            if "seconds_left" in payload:
                told = f"{payload['seconds_left']} s left"
            return f"{payload.get('reason', told)}, version {payload['version']}"

        payload = await self._channels[0].hear(name, since, within, shown)
        state: State = payload["state"]
        expect(payload["version"] == state["version"], "the version of an event is that of the state inside")
        expect("end_token" not in state, "no event carries the end token")
        return state

    async def hear_of(self, name: str, since: datetime, shown: Callable[[Payload], str]) -> Payload:
        """The next event on the user's own channel, which is no session's; it has to be this one."""
        return await self._channels[0].hear(name, since, SOON, shown)

    def heard_nothing(self) -> bool:
        return all(channel.heard_nothing() for channel in self._channels)

    async def close(self) -> None:
        await self._client.remove_all_channels()
        await self._http.aclose()

    async def _join(self, topic: str, presence_key: str | None) -> Channel:
        began = self.now()
        channel = await Channel.join(self._client, topic, self.name, self.now, presence_key)
        say("join", self.name, topic, channel.joined_at - began, "subscribed")
        self._channels.append(channel)
        return channel


@asynccontextmanager
async def signed_in(user_id: str, *names: str) -> AsyncIterator[list[Device]]:
    devices = [await Device.sign_in(name, user_id) for name in names]
    try:
        for device in devices:
            await device.listen()
        yield devices
    finally:
        for device in devices:
            await device.close()


async def _sit_there(user_id: str) -> None:
    device = await Device.sign_in("tablet", user_id)
    print(GO, flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await device.call("start_usage_session", device_id=device.name)
    print(GO, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_sit_there(sys.argv[1]))
