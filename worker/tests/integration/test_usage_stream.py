"""`/usage/stream`: who may read it, what comes in which order, and when it ends."""

from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack

import httpx
import pytest

from local_stack.config import Stack
from worker.tests.integration.sdk_client import App
from worker.tests.integration.stream_reader import Reader, Web

MOST_OF_ONE = 3


@pytest.fixture(scope="module")
def web(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with ExitStack() as running:
        folder = tmp_path_factory.mktemp("web")
        yield Web.run(
            stack,
            folder,
            running,
            HTTP_MAX_STREAMS_PER_USER=str(MOST_OF_ONE),
            HTTP_ALLOWED_ORIGINS="https://app.example",
        )


async def test_begins_with_the_state(web: Web, live: App) -> None:
    ada = await live.user()
    state = await ada.call("start_usage_session")
    async with web.stream(web.token(ada.id)) as reader:
        first = await reader.next()
        headers = reader.answer.headers
    assert (first.name, first.id) == ("session:state", str(state["version"]))
    assert first.data["session_id"] == state["session_id"]
    assert first.data.keys() == state.keys()
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"


async def test_each_event_comes_in_order_as_the_topic_has_it(web: Web, live: App) -> None:
    ada = await live.user()
    async with web.joined(ada.id) as reader:
        ear = await ada.listen()
        back_end = await live.back_end()
        session = await ada.call("start_usage_session")
        await ada.call("pause_usage_session", session_id=session["session_id"])
        await ada.call("resume_usage_session", session_id=session["session_id"])
        await back_end.call("grant_credits", user_id=ada.id, credits=5)
        await ada.call("stop_usage_session", session_id=session["session_id"])
        said = [await ear.next() for _ in range(5)]
        heard = [await reader.next(*{each["event"] for each in said}) for _ in said]
    assert [(each.name, each.data) for each in heard] == [(each["event"], each["payload"]) for each in said]
    assert [each.id for each in heard] == ["1", "2", "3", "4", "5"]


async def test_nobody_hears_of_others(web: Web, live: App) -> None:
    ada, grace = await live.user(), await live.user()
    async with web.joined(ada.id) as reader:
        await grace.call("start_usage_session")
        session = await ada.call("start_usage_session")
        assert (await reader.next("session:created")).data["state"]["session_id"] == session["session_id"]


@pytest.mark.parametrize("kind", ["missing", "empty", "garbage", "unsigned", "foreign", "expired", "anon", "no user"])
@pytest.mark.parametrize("place", ["header", "query"])
async def test_no_stream_without_a_good_token(web: Web, stack: Stack, kind: str, place: str) -> None:
    good = web.token("ada")
    token = {
        "missing": None,
        "empty": "",
        "garbage": "not a token\r\nX: y",
        "unsigned": good.rpartition(".")[0] + ".",
        "foreign": good.rpartition(".")[0] + "." + web.token("grace").rpartition(".")[2],
        "expired": web.token("ada", valid_s=-1),
        "anon": stack.anon_key,
        "no user": stack.service_role_key,
    }[kind]
    async with httpx.AsyncClient() as http:
        if place == "query":
            query = {} if token is None else {"access_token": token}
            answer = await http.get(f"{web.url}/usage/stream", params=query)
        else:
            header = {} if token is None else {"Authorization": f"Bearer {token}".strip().replace("\r\n", "")}
            answer = await http.get(f"{web.url}/usage/stream", headers=header)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["message"] == "not_signed_in"
    assert token is None or len(token) < 20 or token not in web.worker.log.read_text()


async def test_the_token_may_come_in_the_query_and_is_logged_nowhere(web: Web) -> None:
    token = web.token("ada")
    async with httpx.AsyncClient(timeout=60) as http:
        async with http.stream("GET", f"{web.url}/usage/stream", params={"access_token": token}) as answer:
            assert (await Reader(answer).next()).name == "session:state"
        assert token not in (await http.get(f"{web.url}/metrics")).text
    assert token not in web.worker.log.read_text()


async def test_who_has_missed_a_version_gets_the_whole_state(web: Web, live: App) -> None:
    ada = await live.user()
    async with web.stream(web.token(ada.id)) as reader:
        last = (await reader.next()).id or ""
    session = await ada.call("start_usage_session")
    await ada.call("stop_usage_session", session_id=session["session_id"])
    async with web.stream(web.token(ada.id), **{"Last-Event-ID": last}) as reader:
        first = await reader.next()
    assert (first.name, first.id, first.data["status"]) == ("session:state", "2", "closed")


async def test_a_fresh_state_comes_while_a_session_is_active(web: Web, live: App) -> None:
    ada = await live.user()
    async with web.stream(web.token(ada.id)) as reader:
        await reader.next()
        session = await ada.call("start_usage_session")
        beat = await reader.next("session:heartbeat")
    assert (beat.id, beat.data["session_id"]) == ("1", session["session_id"])
    assert beat.data["server_time"] > session["server_time"]


async def test_a_token_that_expires_ends_its_stream_and_no_other(web: Web, live: App) -> None:
    ada = await live.user()
    async with web.joined(ada.id, valid_s=3) as first, web.stream(web.token(ada.id)) as second:
        *_, last = await first.rest()
        assert (last.name, last.id) == ("auth:expired", None)
        await ada.call("start_usage_session")
        assert (await second.next("session:created")).id == "1"


async def test_streams_of_one_user_are_limited(web: Web) -> None:
    token = web.token("tim")
    async with AsyncExitStack() as opened:
        readers = [await opened.enter_async_context(web.stream(token)) for _ in range(MOST_OF_ONE)]
        for reader in readers:
            await reader.next()
        async with httpx.AsyncClient() as http:
            answer = await http.get(f"{web.url}/usage/stream", params={"access_token": token})
        assert (answer.status_code, answer.json()["message"]) == (429, "too_many_streams")
        async with web.stream(web.token("somebody else")) as reader:
            await reader.next()


async def test_pages_of_allowed_origins_may_read(web: Web) -> None:
    asks = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    async with httpx.AsyncClient() as http:
        for origin, is_allowed in (("https://app.example", True), ("https://other.example", False)):
            answer = await http.options(f"{web.url}/usage/stream", headers={"Origin": origin, **asks})
            assert answer.is_success is is_allowed
            refused = await http.get(f"{web.url}/usage/stream", headers={"Origin": origin})
            assert refused.headers.get("access-control-allow-origin") == (origin if is_allowed else None)
            for path in ("/healthz", "/readyz", "/metrics"):
                answer = await http.get(f"{web.url}{path}", headers={"Origin": origin})
                assert "access-control-allow-origin" not in answer.headers
