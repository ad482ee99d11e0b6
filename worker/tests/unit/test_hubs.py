"""What a user's streams are told, and when. Time is virtual; the state and the channel are scripted."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from worker import channels, errors, metrics, states
from worker.audience import Audience
from worker.streams import Stream
from worker.tests.unit import virtual
from worker.tests.unit.tokens_of import token_of

START = datetime(2026, 1, 1, 1, tzinfo=UTC)  # the database's clock: the machine's may say what it likes
MOST = 10

Told = tuple[float, str, str | None]  # when, in seconds, which event, and its id


def now_s() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class World:
    """A user's state as the API answers it, and their topic."""

    version: int = 0
    is_active: bool = False
    ends_at_s: float | None = None
    refused: set[str] = field(default_factory=set)
    is_away: bool = False
    fault: Exception | None = None
    answer: dict[str, Any] | None = None  # to what was asked before the latest change
    is_realtime_away: bool = False
    looks: list[float] = field(default_factory=list)
    joins: list[str] = field(default_factory=list)
    on_event: channels.OnEvent | None = None
    channel: "ScriptedChannel | None" = None

    def state(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "is_active": self.is_active,
            "server_time": (START + timedelta(seconds=now_s())).isoformat(),
            "session_expires_at": None,
            "session_cap_at": (START + timedelta(seconds=self.ends_at_s)).isoformat() if self.ends_at_s else None,
        }

    async def fetch(self, token: str) -> states.State:
        self.looks.append(now_s())
        await asyncio.sleep(0.01)
        if token in self.refused:
            raise errors.TokenRefusedError
        if self.is_away:
            raise errors.StateUnavailableError
        if self.fault:
            raise self.fault
        answer, self.answer = self.answer or self.state(), None
        return states.State.of(answer)

    @asynccontextmanager
    async def joined(self, topic: str, token: str, on_event: channels.OnEvent) -> AsyncIterator["ScriptedChannel"]:
        if self.is_realtime_away:
            raise errors.RealtimeLostError
        assert topic == "user:ada"
        self.joins.append(token)
        self.on_event = on_event
        self.channel = ScriptedChannel([token])
        try:
            yield self.channel
        finally:
            self.on_event = self.channel = None

    def change(self, name: str, *, is_active: bool = False, is_heard: bool = True, by: int = 1) -> None:
        """A transition, and the event of it if somebody hears it."""
        self.version += by
        self.is_active = is_active
        if is_heard and self.on_event is not None:
            self.on_event(name, {"version": self.version, "state": self.state()})


@dataclass
class ScriptedChannel:
    tokens: list[str]
    lost: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def use(self, token: str) -> None:
        self.tokens.append(token)


Story = Callable[[World, Audience], Awaitable[None]]


def play(story: Story) -> None:
    async def scene() -> None:
        world = World()
        meters = metrics.Metrics(CollectorRegistry())
        audience = Audience(cast(states.States, world), cast(channels.Channels, world), meters, MOST, MOST)
        await story(world, audience)

    virtual.run(scene())


async def listen(stream: Stream) -> list[Told]:
    """What the stream is told, as it comes; the list grows."""
    told: list[Told] = []

    async def read() -> None:
        async for frame in stream.frames():
            fields = dict(line.split(": ", 1) for line in frame.decode().splitlines() if ": " in line)
            if "event" in fields:
                json.loads(fields["data"])
                told.append((round(now_s()), fields["event"], fields.get("id")))
        told.append((round(now_s()), "end", None))

    task = asyncio.create_task(read())
    task.add_done_callback(lambda task: task.cancelled() or task.result())
    await asyncio.sleep(0.5)
    return told


def test_heartbeats_come_every_ten_seconds_while_a_session_is_active() -> None:
    async def story(world: World, audience: Audience) -> None:
        stream = await audience.open(token_of("ada"))
        told = await listen(stream)
        await asyncio.sleep(60)
        world.change("session:created", is_active=True)
        await asyncio.sleep(35)
        world.change("session:closed")
        await asyncio.sleep(100)
        names = [name for _, name, _ in told]
        assert names == [
            "session:state", "session:created", *["session:heartbeat"] * 3, "session:closed",
        ]  # fmt: skip
        beats = [at for at, name, _ in told if name == "session:heartbeat"]
        assert [later - beats[0] for later in beats] == [0, 10, 20]
        audience.close(stream)

    play(story)


def test_what_the_channel_did_not_tell_is_found_by_a_look() -> None:
    async def story(world: World, audience: Audience) -> None:
        stream = await audience.open(token_of("ada"))
        told = await listen(stream)
        world.change("session:created", is_active=True, is_heard=False)
        await asyncio.sleep(31)
        assert [name for _, name, _ in told] == ["session:state", "session:state"]
        assert told[-1][2] == "1"
        audience.close(stream)

    play(story)


def test_a_gap_brings_the_whole_state_at_once() -> None:
    async def story(world: World, audience: Audience) -> None:
        stream = await audience.open(token_of("ada"))
        told = await listen(stream)
        world.change("session:created", is_heard=False)
        world.change("session:closed", by=2)
        looks = len(world.looks)
        await asyncio.sleep(0.1)
        assert len(world.looks) == looks + 1
        assert [(name, number) for _, name, number in told] == [("session:state", "0"), ("session:closed", "3")]
        audience.close(stream)

    play(story)


def test_an_end_that_is_due_is_looked_for() -> None:
    async def story(world: World, audience: Audience) -> None:
        world.is_active, world.version, world.ends_at_s = True, 1, 4.0
        stream = await audience.open(token_of("ada"))
        told = await listen(stream)
        await asyncio.sleep(3.6)
        world.is_active, world.version, world.ends_at_s = False, 2, None
        await asyncio.sleep(1.1)
        assert told == [(0, "session:state", "1"), (5, "session:state", "2")]
        audience.close(stream)

    play(story)


def test_an_event_that_was_overtaken_has_no_id() -> None:
    async def story(world: World, audience: Audience) -> None:
        stream = await audience.open(token_of("ada"))
        told = await listen(stream)
        assert world.on_event is not None
        world.change("session:created")
        world.change("session:closed")
        world.on_event("credits:changed", {"version": 1, "balance": {}})
        world.on_event("session:created", {"version": 1, "state": world.state() | {"version": 1}})
        await asyncio.sleep(0.1)
        assert [(name, number) for _, name, number in told[1:]] == [
            ("session:created", "1"),
            ("session:closed", "2"),
            ("credits:changed", None),
        ]
        audience.close(stream)

    play(story)


def test_streams_of_one_user_share_a_channel_and_its_looks() -> None:
    async def story(world: World, audience: Audience) -> None:
        streams = [await audience.open(token_of("ada")) for _ in range(5)]
        told = [await listen(stream) for stream in streams]
        looks = len(world.looks)
        world.change("session:created", is_active=True)
        await asyncio.sleep(21)
        assert len(world.joins) == 1
        assert len(world.looks) == looks + 2
        assert all(len(each) == 4 for each in told)
        for stream in streams:
            assert world.channel is not None
            audience.close(stream)
        await asyncio.sleep(0.1)
        assert world.channel is None

    play(story)


def test_the_channel_goes_over_to_the_token_that_is_good_for_longest() -> None:
    async def story(world: World, audience: Audience) -> None:
        short, long, longer = (token_of("ada", START.timestamp() + valid_s) for valid_s in (5, 60, 120))
        first = await audience.open(short)
        told = await listen(first)
        second = await audience.open(long)
        third = await audience.open(longer)
        await asyncio.sleep(0.1)
        assert world.channel is not None
        assert world.channel.tokens[0] == short
        assert world.channel.tokens[-1] == longer
        audience.close(third)
        await asyncio.sleep(0.1)
        assert world.channel.tokens[-1] == long
        await asyncio.sleep(5)
        assert told[-2:] == [(5, "auth:expired", None), (5, "end", None)]
        assert not second.is_ended
        audience.close(first)
        audience.close(second)

    play(story)


def test_a_token_that_the_api_refuses_ends_its_stream_only() -> None:
    async def story(world: World, audience: Audience) -> None:
        revoked, good = token_of("ada", START.timestamp() + 7200), token_of("ada", START.timestamp() + 3600)
        first, second = await audience.open(revoked), await audience.open(good)
        told, other = await listen(first), await listen(second)
        world.refused.add(revoked)
        await asyncio.sleep(31)
        assert told[-2][1:] == ("auth:expired", None)
        audience.close(first)
        world.change("session:created", is_heard=False)
        await asyncio.sleep(31)
        assert other[-1][1:] == ("session:state", "1")
        audience.close(second)

    play(story)


def test_without_realtime_the_clock_decides() -> None:
    async def story(world: World, audience: Audience) -> None:
        world.is_realtime_away = True
        stream = await audience.open(token_of("ada"))
        told = await listen(stream)
        world.change("session:created", is_active=True)
        await asyncio.sleep(30)
        assert told[-1][1:] == ("session:state", "1")
        world.change("session:closed", is_active=False)
        await asyncio.sleep(10)
        assert told[-1][1:] == ("session:state", "2")
        audience.close(stream)

    play(story)


def test_a_channel_that_is_lost_is_joined_anew_and_the_state_looked_at() -> None:
    async def story(world: World, audience: Audience) -> None:
        stream = await audience.open(token_of("ada"))
        told = await listen(stream)
        assert world.channel is not None
        world.channel.lost.set_result("away")
        world.change("session:created", is_heard=False)
        await asyncio.sleep(2)
        assert len(world.joins) == 2
        assert told[-1][1:] == ("session:state", "1")
        audience.close(stream)

    play(story)


def test_an_api_that_is_away_is_asked_again() -> None:
    async def story(world: World, audience: Audience) -> None:
        stream = await audience.open(token_of("ada"))
        told = await listen(stream)
        world.is_away = True
        world.change("session:created", is_heard=False)
        await asyncio.sleep(60)
        assert len(world.looks) < 20
        world.is_away = False
        await asyncio.sleep(11)
        assert told[-1][1:] == ("session:state", "1")
        audience.close(stream)

    play(story)


def test_a_state_that_an_event_overtook_on_its_way_is_made_good() -> None:
    async def story(world: World, audience: Audience) -> None:
        first = await audience.open(token_of("ada"))
        await listen(first)
        opening = asyncio.create_task(audience.open(token_of("ada")))
        await asyncio.sleep(0)  # the API has been asked
        world.answer = world.state()
        world.change("session:created")
        second = await opening
        told = await listen(second)
        assert [each[1:] for each in told] == [("session:state", "0"), ("session:state", "1")]
        audience.close(first)
        audience.close(second)

    play(story)


def test_who_comes_after_a_fault_is_followed_again() -> None:
    async def story(world: World, audience: Audience) -> None:
        stuck = await audience.open(token_of("ada"))  # its reader does not notice the end
        world.fault = RuntimeError("a fault of ours")
        await asyncio.sleep(31)
        assert stuck.is_ended
        world.fault = None
        fresh = await audience.open(token_of("ada"))
        told = await listen(fresh)
        audience.close(stuck)
        world.change("session:created", is_heard=False)
        await asyncio.sleep(31)
        assert told[-1][1:] == ("session:state", "1")
        audience.close(fresh)
        await asyncio.sleep(0.1)
        assert world.channel is None

    play(story)


@pytest.mark.parametrize("answer", [None, [], "state", 1])
def test_what_is_no_state_is_told_from_one(answer: Any) -> None:
    with pytest.raises(TypeError):
        states.State.of(answer)
