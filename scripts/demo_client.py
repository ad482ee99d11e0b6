"""One device of somebody in the demo: a Supabase client, what it calls and what it hears.

Run as a program it is a device that starts a session when told to and then only sits there, to be killed.
"""

import asyncio
import os
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import httpx
import jwt
from postgrest import APIError
from realtime import RealtimeSubscribeStates
from supabase import AsyncClient, AsyncClientOptions, acreate_client

TOKEN_LIFE_S = 3600
SETTLING_S = 0.2  # a first join is answered a moment before the server listens to the database
PATIENCE_S = 30.0
GO = "go"

State = dict[str, Any]


class BrokenPromiseError(Exception):
    """What happened is not what was promised."""


@dataclass(frozen=True)
class Event:
    """A broadcast as a device heard it; `at` is the server's clock then."""

    name: str
    payload: dict[str, Any]
    at: datetime


def expect(is_so: bool, promise: str) -> None:
    if not is_so:
        raise BrokenPromiseError(promise)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def say(kind: str, who: str, what: str, took: timedelta, outcome: str) -> None:
    print(f"  {kind:5}  {who:6}  {what:68}  {took / timedelta(milliseconds=1):6.1f} ms  {outcome}", flush=True)


def shown(state: State) -> str:
    return f"{state['status']}, {clock(state['time_remaining_seconds'])} left, version {state['version']}"


def clock(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


class Device:
    """A signed-in client: calls are made with the user's own token, events come by WebSocket."""

    def __init__(self, name: str, user_id: str, client: AsyncClient, http: httpx.AsyncClient) -> None:
        self.name = name
        self.user_id = user_id
        self.latencies: list[timedelta] = []
        self._client = client
        self._http = http
        self._heard: asyncio.Queue[Event] = asyncio.Queue()
        self._clock_lead = timedelta(0)  # of the server's clock over this machine's
        self.sent_at = self.now()

    @classmethod
    async def sign_in(cls, name: str, user_id: str) -> Self:
        claims = {"sub": user_id, "role": "authenticated", "exp": int(time.time()) + TOKEN_LIFE_S}
        token = jwt.encode(claims, os.environ["JWT_SECRET"], "HS256")
        http = httpx.AsyncClient()
        options = AsyncClientOptions(headers={"Authorization": f"Bearer {token}"}, httpx_client=http)
        client = await acreate_client(os.environ["API_URL"], os.environ["ANON_KEY"], options)
        await client.realtime.set_auth(token)
        return cls(name, user_id, client, http)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._clock_lead

    async def listen(self) -> None:
        """Joins the user's own private channel."""
        joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_state(state: RealtimeSubscribeStates, fault: Exception | None) -> None:
            if not joined.done() and state is RealtimeSubscribeStates.SUBSCRIBED:
                joined.set_result(None)
            elif not joined.done():
                joined.set_exception(BrokenPromiseError(f"{self.name} may join its own channel: {fault}"))

        began = self.now()
        channel = self._client.channel(
            f"user:{self.user_id}", {"config": {"broadcast": None, "presence": None, "private": True}}
        )
        channel.on_broadcast("*", lambda event: self._hear(event["event"], event["payload"]))
        await channel.subscribe(on_state)
        await joined
        say("join", self.name, f"user:{self.user_id}", self.now() - began, "subscribed")
        asked_at = datetime.now(UTC)
        state = await self._rpc("get_usage_state", {})
        self._clock_lead = instant(state["server_time"]) - (asked_at + (datetime.now(UTC) - asked_at) / 2)
        await asyncio.sleep(SETTLING_S)

    async def call(self, function: str, **arguments: Any) -> State:
        """Calls it and checks what every answer promises."""
        self.sent_at = self.now()
        state: State = await self._rpc(function, arguments)
        say("call", self.name, _call(function, arguments), self.now() - self.sent_at, shown(state))
        used, limit = state["total_usage_seconds"], state["limit_seconds"]
        expect(state["time_remaining_seconds"] == max(limit - used, 0), "what remains is the limit less what is used")
        expect(state["is_active"] == (state["status"] == "active"), "is_active follows the status")
        return state

    async def sessions(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = await self._rpc("list_usage_sessions", {})
        return listed

    async def be_refused(self, code: str, slug: str, function: str, **arguments: Any) -> None:
        """Makes a call that has to fail in this way."""
        self.sent_at = self.now()
        try:
            await self._rpc(function, arguments)
        except APIError as error:
            outcome = f"refused: {error.code} {error.message}"
            say("call", self.name, _call(function, arguments), self.now() - self.sent_at, outcome)
            expect((error.code, error.message) == (code, slug), f"{function} is refused with {code} {slug}")
        else:
            raise BrokenPromiseError(f"{function} is refused with {code} {slug}")

    async def hear(self, name: str, since: datetime, within: timedelta) -> State:
        """The next event; it has to be this one and to come in time. Returns the state inside."""
        try:
            event = await asyncio.wait_for(self._heard.get(), PATIENCE_S)
        except TimeoutError:
            raise BrokenPromiseError(f"{self.name} hears {name}") from None
        state: State = event.payload["state"]
        latency = event.at - since
        self.latencies.append(latency)
        reason = event.payload.get("reason", state["status"])
        say("event", self.name, event.name, latency, f"{reason}, version {state['version']}")
        expect(event.name == name, f"{self.name} hears {name} next")
        expect(event.payload["version"] == state["version"], "the version of an event is that of the state inside")
        expect("end_token" not in state, "no event carries the end token")
        expect(latency < within, f"{name} comes within {within.total_seconds():g} s")
        return state

    def heard_nothing(self) -> bool:
        return self._heard.empty()

    async def close(self) -> None:
        await self._client.remove_all_channels()
        await self._http.aclose()

    async def _rpc(self, function: str, arguments: dict[str, Any]) -> Any:
        return (await self._client.rpc(function, arguments).execute()).data

    def _hear(self, name: str, payload: dict[str, Any]) -> None:
        self._heard.put_nowait(Event(name, payload, self.now()))


def _call(function: str, arguments: dict[str, Any]) -> str:
    shortened = {name: f"{value[:8]}…" if name == "session_id" else value for name, value in arguments.items()}
    return f"{function}({', '.join(f'{name}={value!r}' for name, value in shortened.items())})"


async def _sit_there(user_id: str) -> None:
    device = await Device.sign_in("tablet", user_id)
    print(GO, flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await device.call("start_usage_session", device_id=device.name)
    print(GO, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_sit_there(sys.argv[1]))
