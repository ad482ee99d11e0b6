"""A private channel in the demo: what one device hears there, and whom it sees."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from realtime import AsyncRealtimeChannel, RealtimeSubscribeStates
from supabase import AsyncClient

from demo.story import PATIENCE_S, BrokenPromiseError, expect, say

SETTLING_S = 0.2  # a first join is answered a moment before the server listens to the database

Payload = dict[str, Any]


@dataclass(frozen=True)
class Event:
    """A broadcast as a device heard it; `at` is the server's clock then."""

    name: str
    payload: Payload
    at: datetime


class Channel:
    """Joined by `join`, as somebody who can be present there."""

    def __init__(self, listener: str, now: Callable[[], datetime], channel: AsyncRealtimeChannel) -> None:
        self.latencies: list[timedelta] = []
        self._listener = listener
        self._now = now
        self._channel = channel
        self.joined_at = now()
        self._heard: asyncio.Queue[Event] = asyncio.Queue()
        self._looked = asyncio.Event()

    @classmethod
    async def join(
        cls, client: AsyncClient, topic: str, listener: str, now: Callable[[], datetime], presence_key: str | None
    ) -> Self:
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_state(state: RealtimeSubscribeStates, fault: Exception | None) -> None:
            if answered.done():
                return
            if state is RealtimeSubscribeStates.SUBSCRIBED:
                answered.set_result(None)
            else:
                answered.set_exception(BrokenPromiseError(f"{listener} may join {topic}: {fault}"))

        config: Any = {"broadcast": None, "presence": None, "private": True}
        if presence_key is not None:
            config["presence"] = {"enabled": True, "key": presence_key}
        channel = client.channel(topic, {"config": config})
        joined = cls(listener, now, channel)
        channel.on_broadcast("*", lambda event: joined._hear(event["event"], event["payload"]))
        if presence_key is not None:
            channel.on_presence_sync(joined._looked.set)
        await channel.subscribe(on_state)
        await answered
        joined.joined_at = now()
        await asyncio.sleep(SETTLING_S)
        return joined

    async def hear(self, name: str, since: datetime, within: timedelta, shown: Callable[[Payload], str]) -> Payload:
        """The next event; it has to be this one and to come in time."""
        try:
            event = await asyncio.wait_for(self._heard.get(), PATIENCE_S)
        except TimeoutError:
            raise BrokenPromiseError(f"{self._listener} hears {name}") from None
        latency = event.at - since
        self.latencies.append(latency)
        say("event", self._listener, event.name, latency, shown(event.payload))
        expect(event.name == name, f"{self._listener} hears {name} next")
        expect(latency < within, f"{name} comes within {within.total_seconds():g} s")
        return event.payload

    def heard_nothing(self) -> bool:
        return self._heard.empty()

    async def send(self, name: str, payload: Payload) -> None:
        await self._channel.send_broadcast(name, payload)

    async def be_present(self, **details: Any) -> None:
        await self._channel.track(details)

    async def see(self, *people: str) -> None:
        """Waits until just these are present."""
        began = self._now()
        try:
            async with asyncio.timeout(PATIENCE_S):
                while set(self._channel.presence_state()) != set(people):
                    self._looked.clear()
                    await self._looked.wait()
        except TimeoutError:
            raise BrokenPromiseError(f"{self._listener} sees {', '.join(people)}") from None
        say("sight", self._listener, ", ".join(sorted(people)), self._now() - began, "present")

    def _hear(self, name: str, payload: Payload) -> None:
        self._heard.put_nowait(Event(name, payload, self._now()))
