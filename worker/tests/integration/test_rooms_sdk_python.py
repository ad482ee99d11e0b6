"""Rooms as supabase-py shows them: who hears a room, who does not, and what the worker says in time."""

import asyncio
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from realtime import RealtimeHTTPError

from worker.tests.integration.metered_calls import fetch
from worker.tests.integration.metered_world import World
from worker.tests.integration.sdk_client import App, Ear, JoinRefusedError, Json, Person
from worker.tests.integration.worker_program import Worker, wait_until

TIMEOUT, WARNING = timedelta(hours=1), timedelta(minutes=5)  # the settings' defaults
LEAD = timedelta(seconds=2)  # so long before a deadline the worker hears of it
IN_TIME = timedelta(seconds=5)  # well under the worker's fallback


async def room_of(host: Person, *guests: Person) -> Json:
    room: Json = await host.call("create_reading_session", title="Tarot", display_name="Host")
    for guest in guests:
        await guest.call("join_session", invite_code=room["invite_code"])
    return room


async def next_event(ear: Ear, event: str) -> Json:
    heard = await ear.next()
    assert heard["event"] == event, heard
    payload: Json = heard["payload"]
    return payload


async def test_who_is_in_hears_and_speaks_and_others_do_neither(live: App, ada: Person) -> None:
    bob, eve = await live.user(), await live.user()
    room = await room_of(ada)
    ear = await ada.listen(room["topic"])
    for outside in (bob, eve, await live.nobody()):
        with pytest.raises(JoinRefusedError, match="Unauthorized"):
            await outside.listen(room["topic"])
    joined = await bob.call("join_session", invite_code=room["invite_code"], display_name="Bob")
    told = await next_event(ear, "participant:joined")
    assert (told["participant"]["user_id"], told["participant"]["joined_at"]) == (bob.id, joined["joined_at"])
    bobs = await bob.listen(room["topic"])
    await bobs.channel.send_broadcast("card", {"name": "The Sun"})
    assert (await next_event(ear, "card"))["name"] == "The Sun"
    assert bobs.is_quiet()
    options: Any = {"config": {"private": True}}
    with pytest.raises(RealtimeHTTPError) as error:
        await eve.client.channel(room["topic"], options).http_send("card", {"name": "The Moon"})
    assert error.value.status == 403
    await bob.call("leave_session", session_id=room["id"])
    assert (await next_event(ear, "participant:left"))["reason"] == "left"


async def test_who_is_in_is_present_to_the_others_and_strangers_are_not(live: App, ada: Person) -> None:
    bob, eve = await live.user(), await live.user()
    room = await room_of(ada, bob)
    adas, bobs = [await person.listen(room["topic"], sees_others=True) for person in (ada, bob)]
    await adas.channel.track({"page": 1})
    await bobs.sees({ada.id: {"page": 1}})
    await bobs.channel.track({"page": 2})
    for ear in (adas, bobs):
        await ear.sees({ada.id: {"page": 1}, bob.id: {"page": 2}})
    with pytest.raises(JoinRefusedError, match="Unauthorized"):
        await eve.listen(room["topic"], sees_others=True)
    outside = await eve.listen(room["topic"], private=False, sees_others=True)
    await outside.channel.track({"page": 3})
    await outside.sees({eve.id: {"page": 3}})
    await bob.client.remove_channel(bobs.channel)
    await adas.sees({ada.id: {"page": 1}})


async def test_a_room_is_read_by_who_is_in(app: App, ada: Person) -> None:
    room, eve = await room_of(ada), await app.user()
    for person, count in ((ada, 1), (eve, 0)):
        for table in ("reading_sessions", "session_participants"):
            assert len((await person.client.table(table).select("*").execute()).data) == count
    assert (await eve.refusal("join_session", session_id=room["id"], access_method="direct")).code == "PT404"
    listed = await ada.call("list_participants", get=True, session_id=room["id"])
    assert [(one["user_id"], one["role"], one["is_online"]) for one in listed] == [(ada.id, "host", True)]
    assert (await ada.call("check_session_expiry", get=True, session_id=room["id"]))["minutes_until_expiry"] == 59


async def test_a_removed_one_who_stays_in_the_old_channel_hears_nothing(live: App, ada: Person, world: World) -> None:
    bob, cleo, dora = await live.user(), await live.user(), await live.user()
    room = await room_of(ada, bob, cleo)
    olds = [await person.listen(room["topic"]) for person in (ada, bob, cleo)]
    owns = [await person.listen() for person in (ada, bob, cleo)]
    await ada.call("remove_participant", session_id=room["id"], participant_user_id=cleo.id)
    moves = [await next_event(own, "room:moved") for own in owns[:2]]
    assert (await next_event(owns[2], "room:removed"))["session_id"] == room["id"]
    topic = f"{room['topic']}:1"
    assert [(move["session_id"], move["topic"]) for move in moves] == [(room["id"], topic)] * 2
    with pytest.raises(JoinRefusedError, match="Unauthorized"):
        await cleo.listen(topic)
    news = [await person.listen(topic) for person in (ada, bob)]
    await news[1].channel.send_broadcast("card", {"name": "The Sun"})
    assert (await next_event(news[0], "card"))["name"] == "The Sun"
    await dora.call("join_session", invite_code=room["invite_code"])
    await ada.call("end_reading_session", session_id=room["id"])
    for new in news:
        assert (await next_event(new, "participant:joined"))["participant"]["user_id"] == dora.id
        await next_event(new, "session:ended")
    # They are in the old channel still, and this is the first that they hear there.
    for ear, where in [*((old, room["topic"]) for old in olds), (owns[2], f"user:{cleo.id}")]:
        mark(world, where)
        await next_event(ear, "mark")


def mark(world: World, topic: str) -> None:
    """Whatever the database said before on this topic is heard before this."""
    fetch(world.connection, "select realtime.send('{}'::jsonb, 'mark', %s, true)", topic)


def let_pass(world: World, room: Json, by: timedelta) -> None:
    """Moves the room into the past and says so: such a jump of time is no deadline that the worker knows of."""
    fetch(world.connection, "select 1 as done from tests.age_room(%s, %s)", room["id"], by)
    fetch(world.connection, "select realtime.send('{}'::jsonb, 'deadline:changed', 'worker', true)")


async def listening(worker: Worker) -> None:
    await asyncio.to_thread(worker.hear_all, "leader.waiting", "realtime.joined")


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_the_worker_warns_and_expires_in_time_and_once(
    live: App, ada: Person, world: World, running: ExitStack, tmp_path: Path
) -> None:
    await listening(Worker(live.stack, tmp_path).run(running))
    room = await room_of(ada)
    ear = await ada.listen(room["topic"])
    let_pass(world, room, TIMEOUT - WARNING - LEAD)
    warning = await next_event(ear, "session:expiring")
    warns_at = instant(room["created_at"]) + LEAD
    assert instant(warning["expires_at"]) == warns_at + WARNING
    assert (warning["version"], warning["minutes_left"]) == (1, 4)
    assert timedelta(0) <= instant(warning["at"]) - warns_at < IN_TIME
    let_pass(world, room, WARNING - LEAD)
    expired = await next_event(ear, "session:expired")
    expired_at = warns_at + LEAD
    assert (expired["version"], instant(expired["expired_at"])) == (2, expired_at)
    assert timedelta(0) <= instant(expired["at"]) - expired_at < IN_TIME
    report = await ada.call("check_session_expiry", session_id=room["id"])
    assert (report["is_expired"], instant(report["expires_at"])) == (True, expired_at)
    fetch(world.connection, "select * from private.run_due()")
    mark(world, room["topic"])
    await next_event(ear, "mark")


async def test_a_touch_calls_off_the_expiry_that_the_worker_warned_of(
    live: App, ada: Person, world: World, running: ExitStack, tmp_path: Path
) -> None:
    await listening(Worker(live.stack, tmp_path).run(running))
    room = await room_of(ada)
    ear = await ada.listen(room["topic"])
    let_pass(world, room, TIMEOUT - WARNING - LEAD)
    await next_event(ear, "session:expiring")
    seen_at = instant(await ada.call("touch_presence", session_id=room["id"]))
    let_pass(world, room, WARNING)
    looked = "select check_at > clock_timestamp() as is_so from private.rooms where session_id = %s"
    await asyncio.to_thread(
        wait_until, "the worker has looked", lambda: fetch(world.connection, looked, room["id"])[0]["is_so"]
    )
    let_pass(world, room, TIMEOUT - 2 * WARNING - LEAD)
    warning = await next_event(ear, "session:expiring")
    warns_at = seen_at + LEAD
    assert (warning["version"], instant(warning["expires_at"])) == (1, warns_at + WARNING)
    assert timedelta(0) <= instant(warning["at"]) - warns_at < IN_TIME
    bob = await live.user()
    await bob.call("join_session", invite_code=room["invite_code"])
    assert (await next_event(ear, "participant:joined"))["participant"]["user_id"] == bob.id
