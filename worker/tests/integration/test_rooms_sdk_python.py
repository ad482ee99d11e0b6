"""Rooms as supabase-py shows them: who hears a room, who does not, and what the worker says in time."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from realtime import RealtimeHTTPError

from worker.tests.integration.metered_calls import fetch
from worker.tests.integration.metered_world import World
from worker.tests.integration.sdk_client import PATIENCE_S, App, Ear, JoinRefusedError, Json, Person
from worker.tests.integration.worker_program import Worker


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


async def test_a_room_is_read_by_who_is_in(app: App, ada: Person) -> None:
    room, eve = await room_of(ada), await app.user()
    for person, count in ((ada, 1), (eve, 0)):
        for table in ("reading_sessions", "session_participants"):
            assert len((await person.client.table(table).select("*").execute()).data) == count
    assert (await eve.refusal("join_session", session_id=room["id"], access_method="direct")).code == "PT404"
    listed = await ada.call("list_participants", get=True, session_id=room["id"])
    assert [(one["user_id"], one["role"], one["is_online"]) for one in listed] == [(ada.id, "host", True)]
    assert (await ada.call("check_session_expiry", get=True, session_id=room["id"]))["minutes_until_expiry"] == 59


async def test_a_removed_one_who_stays_in_the_old_channel_hears_nothing(live: App, ada: Person) -> None:
    bob, cleo = await live.user(), await live.user()
    room = await room_of(ada, bob, cleo)
    olds = [await person.listen(room["topic"]) for person in (ada, bob, cleo)]
    owns = [await person.listen() for person in (ada, bob, cleo)]
    await ada.call("remove_participant", session_id=room["id"], participant_user_id=cleo.id)
    moves = [await next_event(own, "room:moved") for own in owns[:2]]
    assert (await next_event(owns[2], "room:removed"))["session_id"] == room["id"]
    topic = f"{room['topic']}:1"
    assert [move["topic"] for move in moves] == [topic, topic]
    with pytest.raises(JoinRefusedError, match="Unauthorized"):
        await cleo.listen(topic)
    adas = await ada.listen(topic)
    await bob.call("leave_session", session_id=room["id"])
    assert (await next_event(adas, "participant:left"))["user_id"] == bob.id
    await ada.call("end_reading_session", session_id=room["id"])
    await next_event(adas, "session:ended")
    assert all(old.is_quiet() for old in olds)
    assert owns[2].is_quiet()


async def test_the_worker_warns_and_expires_in_time(
    live: App, ada: Person, world: World, running: ExitStack, tmp_path: Path
) -> None:
    room = await room_of(ada)
    ear = await ada.listen(room["topic"])
    age = "select 1 as done from tests.age_room(%s, %s::text::interval)"
    fetch(world.connection, age, room["id"], "54 minutes 59 s")
    Worker(live.stack, tmp_path).run(running)
    warning = await next_event(ear, "session:expiring")
    assert warning["minutes_left"] == 4
    fetch(world.connection, age, room["id"], "4 minutes 58 s")
    # Such a jump of time is no deadline that anybody told the worker of.
    fetch(world.connection, "select realtime.send('{}'::jsonb, 'deadline:changed', 'worker', true)")
    async with asyncio.timeout(PATIENCE_S):
        await next_event(ear, "session:expired")
    report = await ada.call("check_session_expiry", session_id=room["id"])
    assert report["is_expired"]
    assert ear.is_quiet()
