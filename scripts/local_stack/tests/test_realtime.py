"""What the transcripts cannot show of Realtime: restarts, stops, limits, and what it has not."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psycopg
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from local_stack.realtime import Settings
from local_stack.testing import Api, TemporaryStack, temporary_stack

TIMEOUT_S = 20
RETRY_S = 0.1


@pytest.fixture(scope="module")
def stack() -> Iterator[TemporaryStack]:
    with temporary_stack(bare=True) as made:
        yield made


class Client:
    """One socket that speaks serializer 1.0.0."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def push(self, topic: str, event: str, payload: Any, ref: str | None = "1") -> None:
        await self.socket.send(json.dumps({"topic": topic, "event": event, "payload": payload, "ref": ref}))

    async def next(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(await asyncio.wait_for(self.socket.recv(), TIMEOUT_S))
        return frame

    async def join(self, topic: str, **config: Any) -> dict[str, Any]:
        await self.push(f"realtime:{topic}", "phx_join", {"config": config})
        answer: dict[str, Any] = (await self.next())["payload"]
        return answer


@asynccontextmanager
async def client_of(stack: TemporaryStack, key: str | None = None) -> AsyncIterator[Client]:
    url = stack.api_url.replace("http", "ws", 1)
    url += f"/realtime/v1/websocket?apikey={key or stack.anon_key}"
    async with connect(url, proxy=None, max_queue=None) as socket:
        yield Client(socket)


async def execute(stack: TemporaryStack, statement: str) -> list[Any]:
    async with await psycopg.AsyncConnection.connect(stack.admin_db_url, autocommit=True) as database:
        cursor = await database.execute(statement.encode())
        return await cursor.fetchall() if cursor.description else []


async def send_until_heard(stack: TemporaryStack, client: Client, topic: str) -> None:
    """Until the log is read again, what is sent is lost, so it is sent again."""

    async def sending() -> None:
        while True:
            await execute(stack, f"select realtime.send('{{}}'::jsonb, 'again', '{topic}', false)")
            await asyncio.sleep(RETRY_S)

    sender = asyncio.create_task(sending())
    try:
        assert (await client.next())["payload"]["event"] == "again"
    finally:
        sender.cancel()


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            if await condition():
                return
            await asyncio.sleep(RETRY_S)


async def test_broadcasts_and_joins_go_on_after_a_restart_of_postgres(stack: TemporaryStack) -> None:
    async with client_of(stack, stack.service_role_key) as client:
        assert (await client.join("before", private=True))["status"] == "ok"
        assert (await client.join("heard"))["status"] == "ok"
        await asyncio.to_thread(stack.cluster.restart)
        assert (await client.join("after", private=True))["status"] == "ok"
        await send_until_heard(stack, client, "heard")


async def test_broadcasts_go_on_after_the_replication_connection_is_killed(stack: TemporaryStack) -> None:
    async with client_of(stack) as client:
        await client.join("room")
        await send_until_heard(stack, client, "room")
        await execute(stack, "select pg_terminate_backend(active_pid) from pg_replication_slots")
        await send_until_heard(stack, client, "room")


async def test_a_killed_server_leaves_no_slot(stack: TemporaryStack) -> None:
    async def slots_are(count: int) -> bool:
        return len(await execute(stack, "select 1 from pg_replication_slots")) == count

    await eventually(lambda: slots_are(1))
    stack.api.stop(signal.SIGKILL)
    await eventually(lambda: slots_are(0))
    await asyncio.to_thread(stack.api.start)


async def test_partitions_are_made_at_the_start(stack: TemporaryStack) -> None:
    days = "select to_char(current_date + n, '\"messages_\"YYYY_MM_DD') from generate_series(-1, 3) as n"
    stack.api.stop()
    for (partition,) in await execute(stack, days):
        await execute(stack, f"drop table realtime.{partition}")
    await asyncio.to_thread(stack.api.start)
    missing = f"select 1 from ({days}) as day (name) where to_regclass('realtime.' || name) is null"

    async def all_are_there() -> bool:
        return not await execute(stack, missing)

    await eventually(all_are_there)


async def test_ten_thousand_messages_of_one_transaction_come_in_order(stack: TemporaryStack) -> None:
    async with client_of(stack) as client:
        await client.join("many")
        await send_until_heard(stack, client, "many")
        await execute(
            stack,
            """select realtime.send(jsonb_build_object('n', n), 'numbered', 'many', false)
               from generate_series(1, 10000) as n""",
        )
        numbers: list[int] = []
        while len(numbers) < 10_000:
            envelope = (await client.next())["payload"]
            if envelope["event"] == "numbered":
                numbers.append(envelope["payload"]["n"])
        assert numbers == list(range(1, 10_001))


async def test_a_stop_closes_sockets_with_1012(stack: TemporaryStack) -> None:
    async with client_of(stack) as client:
        await client.join("room")
        await asyncio.to_thread(stack.api.stop)
        with pytest.raises(ConnectionClosed) as closed:
            await client.next()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    await asyncio.to_thread(stack.api.start)


async def test_postgres_changes_are_refused_with_the_way_to_them(stack: TemporaryStack) -> None:
    async with client_of(stack) as client:
        answer = await client.join("room", postgres_changes=[{"event": "*", "schema": "public"}])
        assert answer["status"] == "error"
        assert "supabase start" in answer["response"]["reason"]


async def test_a_push_that_kills_the_channel_is_told_as_phx_error(stack: TemporaryStack) -> None:
    async with client_of(stack) as client:
        await client.join("room")
        await client.push("realtime:room", "presence", {"event": 5})
        assert (await client.next())["event"] == "phx_error"
        await client.push("realtime:room", "broadcast", {})
        assert (await client.next())["payload"]["response"] == {"reason": "unmatched topic"}


async def test_a_join_waits_for_the_refused_one_before_it(stack: TemporaryStack) -> None:
    async with client_of(stack) as client:
        await client.push("realtime:refused", "phx_join", {"config": {"private": True}}, "1")
        await client.push("realtime:room", "phx_join", {"config": {}}, "2")
        assert [(await client.next())["ref"] for _ in range(2)] == ["1", "2"]


async def test_a_topic_may_hold_a_slash(stack: TemporaryStack) -> None:
    async with client_of(stack) as client, httpx.AsyncClient() as http:
        await client.join("a/b")
        url = f"{stack.api_url}/realtime/v1/api/broadcast/a%2Fb/events/e"
        answer = await http.post(url, json={"n": 1}, headers={"apikey": stack.anon_key})
        assert answer.status_code == 202
        assert (await client.next())["payload"]["payload"] == {"n": 1}


async def test_pages_of_any_origin_may_send(stack: TemporaryStack) -> None:
    asking = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    async with httpx.AsyncClient() as http:
        answer = await http.options(f"{stack.api_url}/realtime/v1/api/broadcast", headers=asking)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")


async def test_the_plan_limit_closes_the_receivers_when_it_is_on(stack: TemporaryStack) -> None:
    stack.api.stop()
    limited = Api(stack, {"MAX_EVENTS_PER_SECOND": "3"})
    await asyncio.to_thread(limited.start)
    try:
        async with client_of(stack) as client:
            await client.join("room", broadcast={"self": True})
            for _ in range(20):
                await client.push("realtime:room", "broadcast", {})
            events = []
            while "phx_close" not in events:
                events.append((await client.next())["event"])
            assert events[-2:] == ["system", "phx_close"]
    finally:
        await asyncio.to_thread(limited.stop)
        await asyncio.to_thread(stack.api.start)


def test_the_back_offs_are_the_real_ones_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHANNEL_ERROR_BACKOFF_MS", raising=False)
    monkeypatch.delenv("CONNECT_ERROR_BACKOFF_MS", raising=False)
    settings = Settings.from_environment()
    assert (settings.channel_backoff_s, settings.connect_backoff_s, settings.events_per_second) == (5, 2, None)
