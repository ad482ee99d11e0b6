"""A tracked session: where somebody is in the app, what happened while they were offline, and an end by its token."""

import os
import uuid
from datetime import timedelta
from typing import Any

import httpx

from demo.caller import enrol
from demo.client import Device, signed_in
from demo.story import chapter, expect, instant, say

SECTIONS = ["library", "reader"]
QUEUED = ["page_turned", "page_turned", "bookmark_set"]


async def tell() -> list[Device]:
    chapter("Hedy opens the app: who is in, where, since when.")
    async with signed_in(await enrol("Hedy", "pro"), "phone") as [phone]:
        await be_tracked(phone)
    return [phone]


async def be_tracked(phone: Device) -> None:
    session = await phone.ask(
        "start_user_session", shows=("app_section",), device_info={"os": "demo"}, app_section=SECTIONS[0]
    )  # fmt: skip
    mine = {"session_id": session["id"]}
    moved = await phone.ask("update_session_section", shows=("app_section",), **mine, section=SECTIONS[1])
    visited = [visit["section"] for visit in moved["metadata"]["section_history"]]
    expect(visited == SECTIONS, "the sections are kept in order")

    chapter(
        "Her train is in a tunnel: what happens is queued, and sent when there is a network again. Twice, to be sure."
    )
    queue = [event_of(session, number, kind) for number, kind in enumerate(QUEUED)]
    for expected in (len(queue), 0):
        inserted = await phone.ask("log_session_events", **mine, events=queue)
        expect(inserted == expected, f"{expected} of the events are new")
    logged = await phone.rows("session_events", "created_at")
    told = {event["event_id"] for event in queue}
    expect(sorted(row["event_type"] for row in logged if row["id"] in told) == sorted(QUEUED), "each is logged once")
    server_side = [row["event_type"] for row in logged if row["id"] not in told]
    expect(server_side == ["session_start", "section_change"], "the session's own events are logged too")

    chapter("She closes the tab. A beacon can carry no token of hers, so the session has one of its own.")
    await close_the_tab(phone, session["end_token"])
    ended = await phone.ask("end_user_session", shows=("duration_seconds",), **mine)
    expect(ended["end_token"] is None, "an end token is spent by the end")
    since = instant(ended["session_end"]) - instant(ended["session_start"])
    expect(ended["duration_seconds"] == since // timedelta(seconds=1), "the duration is that of the session")
    await phone.be_refused("PT409", "session_closed", "update_session_section", **mine, section="shop")
    late = [*queue, event_of(session, len(queue), "app_hidden")]
    inserted = await phone.ask("log_session_events", **mine, events=late)
    expect(inserted == 1, "what was still queued is taken after the end")
    stats = await phone.ask("get_user_session_stats", shows=("total_sessions", "active_sessions", "section_counts"))
    expect((stats["total_sessions"], stats["active_sessions"]) == (1, 0), "the statistics know one session, ended")


def event_of(session: dict[str, Any], number: int, kind: str) -> dict[str, Any]:
    """An event as a client queues it: with an id of its own, so that it may be sent again."""
    occurred_at = instant(session["session_start"]) + number * timedelta(milliseconds=1)
    return {
        "event_type": kind,
        "event_id": str(uuid.uuid4()),
        "event_data": {"page": number},
        "occurred_at": occurred_at.isoformat(),
    }


async def close_the_tab(phone: Device, end_token: str) -> None:
    """Posts what navigator.sendBeacon would."""
    url = f"{os.environ['API_URL']}/rest/v1/rpc/end_session_with_token"
    began = phone.now()
    async with httpx.AsyncClient() as http:
        answer = await http.post(url, params={"apikey": os.environ["ANON_KEY"]}, data={"end_token": end_token})
    say("post", "nobody", "end_session_with_token", phone.now() - began, f"HTTP {answer.status_code}")
    expect(answer.status_code == 204, "a beacon is taken")
