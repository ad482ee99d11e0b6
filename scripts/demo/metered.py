"""Metered sessions, told by real clients: one on two devices, one that reaches its cap, one whose device dies."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import psycopg

from demo.caller import enrol
from demo.client import GO, Device, signed_in
from demo.story import PUNCTUAL, SOON, BrokenPromiseError, chapter, clock, expect, instant

SHORT_TTL = timedelta(seconds=3)
COUNTDOWN_S = 3
NEAR = timedelta(seconds=1)  # before Tim's limit
WARNING_PERCENTS = (80, 90, 100)  # of the limit, as the settings have them


async def tell() -> list[Device]:
    return await tell_of_ada() + await tell_of_tim() + await tell_of_grace()


async def tell_of_ada() -> list[Device]:
    chapter("Ada starts a session on her laptop.")
    async with signed_in(await enrol("Ada", "pro"), "laptop", "phone") as (laptop, phone):
        await share_a_session(laptop, phone)
    return [laptop, phone]


async def share_a_session(laptop: Device, phone: Device) -> None:
    async def both_hear(name: str, after: Device) -> None:
        states = [await device.hear(name, after.sent_at, SOON) for device in (laptop, phone)]
        expect(states[0] == states[1], "every device hears the same")

    state = await laptop.call("start_usage_session", device_id="laptop", metadata={"title": "Lecture 1"})
    session_id = state["session_id"]
    expect(state["status"] == "active", "a started session is active")
    await both_hear("session:created", laptop)

    chapter("The time counts down; a client needs no call for that, session_cap_at says all.")
    cap_at = instant(state["session_cap_at"])
    for _ in range(COUNTDOWN_S):
        await asyncio.sleep(1)
        print(f"  {'':5}  {'laptop':6}  {clock((cap_at - laptop.now()) // timedelta(seconds=1))} left", flush=True)
    beaten = await laptop.call("heartbeat_usage_session", session_id=session_id, device_id="laptop")
    expect(beaten["total_usage_seconds"] >= COUNTDOWN_S, "the clock ran")
    expect(beaten["session_expires_at"] > state["session_expires_at"], "a heartbeat extends the session")
    expect(beaten["version"] == state["version"], "a heartbeat is no transition")

    chapter("She pauses, and resumes a little later.")
    paused = await laptop.call("pause_usage_session", session_id=session_id, device_id="laptop")
    await both_hear("session:updated", laptop)
    await asyncio.sleep(1.5)
    resumed = await laptop.call("resume_usage_session", session_id=session_id, device_id="laptop")
    expect(resumed["total_usage_seconds"] == paused["total_usage_seconds"], "a pause costs nothing")
    expect(resumed["status"] == "active", "a resumed session is active")
    await both_hear("session:updated", laptop)

    chapter("She goes on with her phone.")
    await phone.be_refused("PT409", "session_active_elsewhere", "start_usage_session", device_id="phone")
    moved = await phone.call("start_usage_session", device_id="phone", take_over=True)
    expect(moved["session_id"] == session_id, "a hand-off keeps the session")
    expect(moved["end_token"] != state["end_token"], "a hand-off makes a new end token")
    await both_hear("session:updated", phone)
    refused = {"session_id": session_id, "device_id": "laptop"}
    await laptop.be_refused("PT409", "session_active_elsewhere", "heartbeat_usage_session", **refused)

    chapter("She stops.")
    stopped = await phone.call("stop_usage_session", session_id=session_id)
    expect(stopped["status"] == "closed", "a stopped session is closed")
    await both_hear("session:closed", phone)
    later = await laptop.call("get_usage_state")
    anytime = {"server_time": None}
    expect(later | anytime == stopped | anytime, "the answer of a stop is final")
    expect(laptop.heard_nothing() and phone.heard_nothing(), "nothing else was said")


async def tell_of_tim() -> list[Device]:
    chapter("Tim's trial allows a few seconds. He starts, and then nobody calls.")
    async with signed_in(await enrol("Tim", "trial"), "phone") as [phone]:
        await reach_the_cap(phone)
    return [phone]


async def reach_the_cap(phone: Device) -> None:
    state = await phone.call("start_usage_session", device_id="phone")
    await phone.hear("session:created", phone.sent_at, SOON)
    cap_at = instant(state["session_cap_at"])
    limit = timedelta(seconds=state["limit_seconds"])
    for before in (NEAR, *(limit * (1 - percent / 100) for percent in WARNING_PERCENTS)):
        await phone.hear("session:warning", cap_at - before, PUNCTUAL)
    closed = await phone.hear("session:closed", cap_at, PUNCTUAL)
    expect(closed["status"] == "capped", "a session that reaches its limit is capped")
    expect(closed["total_usage_seconds"] == closed["limit_seconds"], "a capped session used the limit, no more")
    await phone.be_refused("PT402", "usage_limit_reached", "start_usage_session", device_id="phone")
    [session] = await phone.sessions()
    expect(instant(session["ended_at"]) == cap_at, "a capped session ended at its cap, to the microsecond")


async def tell_of_grace() -> list[Device]:
    chapter(f"Grace's tablet starts and is killed. (Only for that start, a session lives {SHORT_TTL.seconds} s.)")
    user_id = await enrol("Grace", "pro")
    async with signed_in(user_id, "phone") as [phone]:
        await outlive_a_client(phone, user_id)
    return [phone]


async def outlive_a_client(phone: Device, user_id: str) -> None:
    tablet = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "demo.client", user_id,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert tablet.stdin and tablet.stdout
    connection = await psycopg.AsyncConnection.connect(os.environ["DB_URL"], autocommit=True)
    try:
        await until_go(tablet.stdout)
        async with connection, short_ttl(connection):
            began = phone.now()
            tablet.stdin.write(b"\n")
            await until_go(tablet.stdout)
    finally:
        tablet.kill()
        await tablet.wait()
    created = await phone.hear("session:created", began, SOON)
    expires_at = instant(created["session_expires_at"])
    closed = await phone.hear("session:closed", expires_at, PUNCTUAL)
    expect(closed["status"] == "expired", "a session without a sign of life expires")
    [session] = await phone.sessions()
    expect(instant(session["ended_at"]) == expires_at, "it is charged until then, to the microsecond")


async def until_go(output: asyncio.StreamReader) -> None:
    """Prints what a program says until it has got so far."""
    async for line in output:
        if line.decode().strip() == GO:
            return
        print(line.decode(), end="", flush=True)
    raise BrokenPromiseError("the tablet starts its session")


@asynccontextmanager
async def short_ttl(connection: psycopg.AsyncConnection[tuple[timedelta]]) -> AsyncIterator[None]:
    [usual] = await (await connection.execute("select session_ttl from private.settings")).fetchone() or [None]
    try:
        await connection.execute("update private.settings set session_ttl = %s", [SHORT_TTL])
        yield
    finally:
        await connection.execute("update private.settings set session_ttl = %s", [usual])
