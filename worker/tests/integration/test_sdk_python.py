"""The API of metered sessions as supabase-py shows it."""

from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from postgrest import APIError
from realtime import RealtimeHTTPError

from worker.tests.integration.sdk_client import App, JoinRefusedError, Json, Person
from worker.tests.integration.worker_program import PLAN, Clients, Worker

NOBODYS = "11111111-1111-4111-8111-111111111111"
FALLBACK = timedelta(seconds=15)
TABLES = ("plans", "accounts", "usage_sessions", "usage_intervals", "usage_totals")
IDLE = {
    "session_id": None, "status": "idle", "is_active": False, "time_remaining_seconds": 36000,
    "time_remaining_minutes": 600, "total_usage_seconds": 0, "total_usage_minutes": 0, "current_session_seconds": 0,
    "session_started_at": None, "session_expires_at": None, "session_cap_at": None, "is_valid_for_recording": False,
    "has_reached_limit": False, "is_near_limit": False, "device_id": None, "end_token": None, "limit_seconds": 36000,
    "version": 0,
}  # fmt: skip


def seconds(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    assert moment.utcoffset() == timedelta(0), text
    return moment


@pytest.mark.parametrize("get", [False, True])
async def test_a_new_user_is_idle(ada: Person, get: bool) -> None:
    state: Json = await ada.call("get_usage_state", get=get)
    times = [seconds(state.pop(name)) for name in ("period_started_at", "server_time", "period_ends_at")]
    assert state == IDLE
    assert times[0] <= times[1] < times[2]


async def test_a_session_goes_from_start_to_stop(ada: Person) -> None:
    started = await ada.call("start_usage_session", device_id="laptop", take_over=False, metadata={"title": "One"})
    mine = {"session_id": started["session_id"], "device_id": "laptop"}
    assert (started["status"], started["is_active"], started["device_id"]) == ("active", True, "laptop")
    assert seconds(started["session_started_at"]) == seconds(started["server_time"])
    assert seconds(started["session_expires_at"]) - seconds(started["server_time"]) == timedelta(seconds=90)
    assert seconds(started["session_cap_at"]) > seconds(started["session_expires_at"])
    beaten = await ada.call("heartbeat_usage_session", **mine)
    assert seconds(beaten["session_expires_at"]) > seconds(started["session_expires_at"])
    paused = await ada.call("pause_usage_session", **mine)
    assert (paused["status"], paused["session_cap_at"], paused["session_expires_at"]) == ("paused", None, None)
    resumed = await ada.call("resume_usage_session", **mine)
    stopped = await ada.call("stop_usage_session", session_id=mine["session_id"])
    assert (stopped["status"], stopped["end_token"]) == ("closed", None)
    assert [state["version"] for state in (started, beaten, paused, resumed, stopped)] == [1, 1, 2, 3, 4]
    later = await ada.call("get_usage_state")
    assert later | {"server_time": None} == stopped | {"server_time": None}


async def test_one_endpoint_does_it_too(ada: Person) -> None:
    started = await ada.call("usage_ping", active=True, session_id=None, device_id="laptop")
    again = await ada.call("usage_ping", active=True, session_id=started["session_id"], device_id="laptop")
    stopped = await ada.call("usage_ping", active=False, session_id=started["session_id"])
    final = await ada.call("usage_ping", active=True, session_id=started["session_id"])
    assert [state["status"] for state in (started, again, stopped, final)] == ["active", "active", "closed", "closed"]
    assert {state["session_id"] for state in (started, again, stopped, final)} == {started["session_id"]}


async def test_another_device_takes_over(app: App, ada: Person) -> None:
    phone = await app.user(ada.id)
    first = await ada.call("start_usage_session", device_id="laptop")
    refused = await phone.refusal("start_usage_session", device_id="phone")
    assert (refused.code, refused.message) == ("PT409", "session_active_elsewhere")
    moved = await phone.call("start_usage_session", device_id="phone", take_over=True)
    assert (moved["session_id"], moved["device_id"]) == (first["session_id"], "phone")
    assert moved["end_token"] != first["end_token"]
    late = await ada.refusal("heartbeat_usage_session", session_id=first["session_id"], device_id="laptop")
    assert late.message == "session_active_elsewhere"


async def test_sessions_are_listed_page_by_page(ada: Person) -> None:
    ids = []
    for number in range(3):
        state = await ada.call("start_usage_session", metadata={"number": number, "ratio": 0.5, "big": 2**60})
        ids.append((await ada.call("stop_usage_session", session_id=state["session_id"]))["session_id"])
    first = await ada.call("list_usage_sessions", page_size=2)
    cursor = {"before": first[-1]["started_at"], "before_id": first[-1]["id"]}
    rest = await ada.call("list_usage_sessions", page_size=2, **cursor)
    assert [row["id"] for row in first + rest] == ids[::-1]
    assert await ada.call("list_usage_sessions", get=True) == first + rest
    newest = first[0]
    assert seconds(newest.pop("ended_at")) >= seconds(newest.pop("started_at"))
    metadata = {"number": 2, "ratio": 0.5, "big": 2**60}
    expected = {"id": ids[2], "status": "closed", "device_id": "default", "active_seconds": 0, "metadata": metadata}
    assert newest == expected


@pytest.mark.parametrize(
    ("function", "arguments", "code", "slug"),
    [
        ("stop_usage_session", {"session_id": NOBODYS}, "PT404", "session_not_found"),
        ("heartbeat_usage_session", {"session_id": NOBODYS}, "PT404", "session_not_found"),
        ("pause_usage_session", {"session_id": None}, "PT422", "invalid_argument"),
        ("usage_ping", {"active": None}, "PT422", "invalid_argument"),
        ("start_usage_session", {"metadata": [1]}, "PT422", "invalid_argument"),
        ("start_usage_session", {"take_over": None}, "PT422", "invalid_argument"),
        ("start_usage_session", {"device_id": "x" * 513}, "PT413", "payload_too_large"),
        ("start_usage_session", {"metadata": {"x": "y" * 16384}}, "PT413", "payload_too_large"),
        ("list_usage_sessions", {"page_size": 201}, "PT422", "invalid_argument"),
        ("list_usage_sessions", {"before_id": NOBODYS}, "PT422", "invalid_argument"),
    ],
)
async def test_errors_are_slugs_with_a_sentence_and_advice(
    ada: Person, function: str, arguments: Json, code: str, slug: str
) -> None:
    error = await ada.refusal(function, **arguments)
    assert (error.code, error.message) == (code, slug)
    assert error.details and error.hint


@pytest.mark.parametrize(
    ("function", "arguments", "code"),
    [
        ("stop_usage_session", {"session_id": "no uuid"}, "22P02"),
        ("start_usage_session", {"device": "laptop"}, "PGRST202"),
        ("run_due", {}, "PGRST202"),
        ("cleanup_inactive_sessions", {}, "42501"),
        ("get_cleanup_stats", {}, "PT403"),
        ("get_session_analytics", {}, "PT403"),
        ("set_account", {"user_id": "me", "plan_id": "free"}, "42501"),
    ],
)
async def test_what_is_no_call_of_theirs_is_refused(ada: Person, function: str, arguments: Json, code: str) -> None:
    assert (await ada.refusal(function, **arguments)).code == code


async def test_the_states_of_a_session_that_refuse(app: App, ada: Person) -> None:
    session = {"session_id": (await ada.call("start_usage_session"))["session_id"]}
    bob = await app.user()
    assert (await bob.refusal("stop_usage_session", **session)).message == "session_not_found"
    await ada.call("stop_usage_session", **session)
    for function in ("pause_usage_session", "resume_usage_session"):
        assert (await ada.refusal(function, **session)).message == "session_closed"


async def test_who_is_not_signed_in_is_told_so(app: App) -> None:
    nobody, back_end, strange = await app.nobody(), await app.back_end(), await app.user(sub=5)
    assert (await nobody.refusal("get_usage_state")).code == "42501"
    for person in (back_end, strange):
        error = await person.refusal("start_usage_session")
        assert (error.code, error.message) == ("PT401", "not_signed_in")


async def test_tables_show_ones_own_rows_and_take_none(app: App, ada: Person) -> None:
    state = await ada.call("start_usage_session")
    bob, nobody = await app.user(), await app.nobody()
    await bob.call("start_usage_session")
    own = await ada.client.from_("usage_sessions").select("id, user_id").execute()
    assert own.data == [{"id": state["session_id"], "user_id": ada.id}]
    for table in TABLES[1:]:
        rows: Any = (await ada.client.from_(table).select("user_id").execute()).data
        assert rows == [{"user_id": ada.id}], table
    for table in TABLES:
        await refused("42501", nobody.client.from_(table).select("*"))
        await refused("42501", ada.client.from_(table).insert({}))
        await refused("42501", ada.client.from_(table).delete().neq(own_column(table), ""))
    await refused("42501", ada.client.from_("usage_sessions").update({"status": "paused"}).eq("user_id", ada.id))
    assert (await ada.call("get_usage_state"))["status"] == "active"


async def test_the_machinery_is_not_exposed(ada: Person) -> None:
    await refused("PGRST205", ada.client.from_("settings").select("*"))
    await refused("PGRST106", ada.client.schema("private").from_("settings").select("*"))


async def refused(code: str, query: Any) -> None:
    with pytest.raises(APIError) as error:
        await query.execute()
    assert error.value.code == code


def own_column(table: str) -> str:
    return "id" if table == "plans" else "user_id"


@pytest.mark.parametrize("kind", ["json", "data"])
async def test_a_beacon_ends_a_session_without_any_header(app: App, ada: Person, kind: str) -> None:
    state = await ada.call("start_usage_session")
    body: Any = {kind: {"end_token": state["end_token"]}}
    url = f"{app.stack.api_url}/rest/v1/rpc/end_session_with_token"
    async with httpx.AsyncClient() as http:
        for _ in range(2):
            answer = await http.post(url, **body)
            assert (answer.status_code, answer.content) == (204, b"")
    assert (await ada.call("get_usage_state"))["status"] == "closed"


async def test_a_beacon_with_the_key_in_its_address_ends_a_tracked_session(app: App, ada: Person) -> None:
    session = await ada.call("start_user_session", app_section="home")
    assert (await ada.call("get_user_session_stats"))["active_sessions"] == 1
    url = f"{app.stack.api_url}/rest/v1/rpc/end_session_with_token"
    async with httpx.AsyncClient() as http:
        for _ in range(2):
            answer = await http.post(
                url, params={"apikey": app.stack.anon_key}, data={"end_token": session["end_token"]}
            )
            assert (answer.status_code, answer.content) == (204, b"")
    ended = await ada.call("end_user_session", session_id=session["id"])
    assert (ended["end_token"], ended["duration_seconds"]) == (None, 0)
    assert (await ada.call("get_user_session_stats"))["active_sessions"] == 0


async def test_events_carry_the_state_that_the_calls_answered(live: App, ada: Person) -> None:
    ear = await ada.listen()
    started = await ada.call("start_usage_session", device_id="laptop")
    session = {"session_id": started["session_id"]}
    answers = [
        ("session:created", {}, started),
        ("session:updated", {}, await ada.call("pause_usage_session", **session)),
        ("session:updated", {}, await ada.call("resume_usage_session", **session)),
        ("session:updated", {}, await ada.call("start_usage_session", device_id="phone", take_over=True)),
        ("session:closed", {"reason": "stopped"}, await ada.call("stop_usage_session", **session)),
    ]
    for event, more, answer in answers:
        heard = await ear.next()
        state = {name: value for name, value in answer.items() if name != "end_token"}
        expected = {"version": answer["version"], "at": answer["server_time"], "state": state, **more}
        heard["payload"].pop("id", None)  # Realtime's own
        assert (heard["event"], heard["payload"]) == (event, expected)
    assert ear.is_quiet()


async def test_what_changes_nothing_is_not_told(live: App, ada: Person) -> None:
    ear = await ada.listen()
    state = await ada.call("start_usage_session", device_id="laptop")
    session = {"session_id": state["session_id"]}
    await ada.call("start_usage_session", device_id="laptop")
    await ada.call("heartbeat_usage_session", **session)
    await ada.call("resume_usage_session", **session)
    await ada.refusal("start_usage_session", device_id="phone")
    await ada.call("stop_usage_session", **session)
    await ada.call("stop_usage_session", **session)
    await ada.call("start_usage_session")
    heard = [(await ear.next())["event"] for _ in range(3)]
    assert heard == ["session:created", "session:closed", "session:created"]


async def test_another_ones_channel_stays_closed(live: App, ada: Person) -> None:
    for stranger in (await live.user(), await live.nobody()):
        with pytest.raises(JoinRefusedError, match="Unauthorized"):
            await stranger.listen(f"user:{ada.id}")


async def test_a_public_channel_of_that_name_is_another_room(live: App, ada: Person) -> None:
    stranger = await live.user()
    outside = await stranger.listen(f"user:{ada.id}", private=False, hears_itself=True)
    inside = await ada.listen()
    await ada.call("start_usage_session")
    assert (await inside.next())["event"] == "session:created"
    await outside.channel.send_broadcast("anybody?", {})
    assert (await outside.next())["event"] == "anybody?"


async def test_nobody_speaks_on_a_users_channel(live: App, ada: Person) -> None:
    ear = await ada.listen(hears_itself=True)
    await ear.channel.send_broadcast("session:closed", {"forged": True})
    with pytest.raises(RealtimeHTTPError) as error:
        await ear.channel.http_send("session:closed", {"forged": True})
    assert error.value.status == 403
    await ada.call("start_usage_session")
    assert (await ear.next())["event"] == "session:created"


async def test_the_worker_ends_a_session_that_nobody_calls_for(
    live: App, ada: Person, clients: Clients, running: ExitStack, tmp_path: Path
) -> None:
    Worker(live.stack, tmp_path).run(running)
    await (await live.back_end()).call("set_account", user_id=ada.id, plan_id=PLAN)
    ear = await ada.listen()
    state = await ada.call("start_usage_session")
    assert (await ear.next())["event"] == "session:created"
    warned = []
    while (closed := await ear.next())["event"] == "session:warning":
        warned.append(closed["payload"].get("percent", "near"))
    assert warned == ["near", 80, 90, 100]
    assert (closed["event"], closed["payload"]["reason"]) == ("session:closed", "capped")
    final = closed["payload"]["state"]
    assert (final["session_id"], final["status"]) == (state["session_id"], "capped")
    assert (final["total_usage_seconds"], final["time_remaining_seconds"], final["has_reached_limit"]) == (1, 0, True)
    assert seconds(closed["payload"]["at"]) - seconds(state["session_cap_at"]) < FALLBACK
    assert (await ada.refusal("start_usage_session")).message == "usage_limit_reached"
