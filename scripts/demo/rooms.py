"""A shared room: an invite link, presence, a conversation, and a link that expires when nobody is active."""

import os
from datetime import datetime, timedelta
from typing import Any

import psycopg

from demo.caller import enrol
from demo.channel import Channel, Payload
from demo.client import Device, signed_in
from demo.story import PUNCTUAL, SOON, chapter, expect, instant

LEAD = timedelta(seconds=1)  # so much is left when time has passed

LOCK = "select from public.reading_sessions where id = %(room)s for no key update"
DUE = "select private.later(private.room_expires_at(%(room)s), -%(before)s)"
# All that a room's expiry follows from; the worker is told, as of any deadline that comes nearer.
AGE_PARTICIPANTS = """
    update public.session_participants
    set joined_at = private.later(joined_at, -%(by)s), last_seen_at = private.later(last_seen_at, -%(by)s)
    where session_id = %(room)s"""
AGE_ROOM = """
    update private.rooms
    set
        created_at = private.later(created_at, -%(by)s),
        check_at = private.later(check_at, -%(by)s),
        warned_expires_at = private.later(warned_expires_at, -%(by)s)
    where session_id = %(room)s"""
HINT = "select realtime.send(jsonb_build_object('deadline', %s::timestamptz), 'deadline:changed', 'worker', true)"


async def tell() -> list[Device]:
    chapter("Rosa opens a room and gives Emil the link.")
    rosa_id, emil_id = await enrol("Rosa", "pro"), await enrol("Emil", "pro")
    async with signed_in(rosa_id, "rosa") as [rosa], signed_in(emil_id, "emil") as [emil]:
        await meet(rosa, emil)
    return [rosa, emil]


async def meet(rosa: Device, emil: Device) -> None:
    room = await rosa.ask("create_reading_session", shows=("topic",), title="Reading circle", display_name="Rosa")
    mine = {"session_id": room["id"]}
    channels = [await rosa.enter(room["topic"])]
    await emil.ask("join_session", shows=("joined_at",), invite_code=room["invite_code"], display_name="Emil")
    joined = await channels[0].hear("participant:joined", emil.sent_at, SOON, shows("participant", "display_name"))
    expect(joined["participant"]["user_id"] == emil.user_id, "the room is told who joined")
    channels.append(await emil.enter(room["topic"]))

    chapter("Both are present, and talk.")
    for channel in channels:
        await channel.be_present(page=1)
    for channel in channels:
        await channel.see(rosa.user_id, emil.user_id)
    said_at = rosa.now()
    await channels[1].send("note", {"text": "Chapter two, third line!"})
    await channels[0].hear("note", said_at, SOON, shows("text"))
    listed = await rosa.ask("list_participants", **mine)
    expect([(one["user_id"], one["is_online"]) for one in listed] == [(rosa.user_id, True), (emil.user_id, True)],
           "both are listed as online")  # fmt: skip
    await emil.ask("touch_presence", **mine)
    expect(rosa.heard_nothing() and emil.heard_nothing(), "a sign of life is told to nobody")
    await fall_silent(rosa, room, channels)
    expect(rosa.heard_nothing() and emil.heard_nothing(), "nothing else was said")


async def fall_silent(rosa: Device, room: dict[str, Any], channels: list[Channel]) -> None:
    mine = {"session_id": room["id"]}
    chapter("They fall silent. (Time passes for this room alone: its rows are moved into the past.)")
    connection = await psycopg.AsyncConnection.connect(os.environ["DB_URL"], autocommit=True)
    async with connection:
        [warning] = await fetch(connection, "select expiry_warning from private.settings")
        warns_at = await let_time_pass(connection, room["id"], warning)
        for channel in channels:
            told = await channel.hear("session:expiring", warns_at, PUNCTUAL, shows("minutes_left"))
            expect(instant(told["expires_at"]) - warning == warns_at, "a room warns as long before as the settings say")
        expires_at = await let_time_pass(connection, room["id"], timedelta(0))
    for channel in channels:
        told = await channel.hear("session:expired", expires_at, PUNCTUAL, shows("expired_at"))
        expect(instant(told["expired_at"]) == expires_at, "a room expires at its instant, to the microsecond")

    chapter("Vera finds the link too late.")
    vera = await Device.sign_in("vera", await enrol("Vera", "pro"))
    try:
        await vera.be_refused("PT410", "invite_expired", "join_session", invite_code=room["invite_code"])
    finally:
        await vera.close()
    await rosa.be_refused("PT409", "session_closed", "touch_presence", **mine)
    report = await rosa.ask("check_session_expiry", shows=("is_expired", "minutes_until_expiry"), **mine)
    expect(report["is_expired"] and instant(report["expires_at"]) == expires_at, "whoever was in can see since when")


async def let_time_pass(connection: psycopg.AsyncConnection[Any], room_id: str, before: timedelta) -> datetime:
    """Moves the room into the past until it is about to be so long before its expiry; returns when that is."""
    of_room = {"room": room_id, "before": before, "lead": LEAD}
    async with connection.transaction():
        await connection.execute(LOCK, of_room)
        [by] = await fetch(connection, f"{DUE} - clock_timestamp() - %(lead)s", of_room)
        for statement in (AGE_PARTICIPANTS, AGE_ROOM):
            await connection.execute(statement, {**of_room, "by": by})
        due_at: datetime
        [due_at] = await fetch(connection, DUE, of_room)
        await connection.execute(HINT, [due_at])
    return due_at


async def fetch(connection: psycopg.AsyncConnection[Any], query: str, values: dict[str, Any] | None = None) -> Any:
    return await (await connection.execute(query.encode(), values)).fetchone()


def shows(*path: str) -> Any:
    def shown(payload: Payload) -> str:
        value: Any = payload
        for name in path:
            value = value[name]
        return f"{path[-1]} {value}"

    return shown
