"""The real clients, supabase-py and supabase-js, find what they expect of Realtime."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from realtime.types import RealtimeChannelOptions, RealtimeSubscribeStates
from supabase import AsyncClient, acreate_client

from local_stack.testing import TemporaryStack, temporary_stack

ADA = "00000000-0000-4000-8000-000000000ada"
BOB = "00000000-0000-4000-8000-000000000b0b"
TIMEOUT_S = 15
JOINED, FAILED, CLOSED = (
    RealtimeSubscribeStates.SUBSCRIBED,
    RealtimeSubscribeStates.CHANNEL_ERROR,
    RealtimeSubscribeStates.CLOSED,
)
SCRIPT = Path(__file__).with_name("realtime_client.mjs")
POLICIES = [
    """create policy members_hear on realtime.messages for select to authenticated
         using (realtime.topic() like 'open:%')""",
    f"""create policy ada_speaks on realtime.messages for insert to authenticated
          with check (realtime.topic() like 'open:%' and auth.uid() = '{ADA}')""",
]


@pytest.fixture(scope="module")
def stack() -> Iterator[TemporaryStack]:
    with temporary_stack(bare=True) as made:
        with psycopg.connect(made.db_url) as database:
            for policy in POLICIES:
                database.execute(policy)
        yield made


@pytest.fixture
async def sign_in(stack: TemporaryStack) -> AsyncIterator[Callable[..., Any]]:
    clients: list[AsyncClient] = []

    async def signed_in(sub: str, valid_s: int = 3600) -> AsyncClient:
        client = await acreate_client(stack.api_url, stack.anon_key)
        await client.realtime.set_auth(stack.sign({"role": "authenticated", "sub": sub}, valid_s))
        clients.append(client)
        return client

    yield signed_in
    for client in clients:
        await client.remove_all_channels()


class Heard:
    """What a channel was told, to wait for."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.state: asyncio.Queue[tuple[RealtimeSubscribeStates, str]] = asyncio.Queue()

    def on_state(self, state: RealtimeSubscribeStates, error: Exception | None) -> None:
        self.state.put_nowait((state, str(error or "")))

    async def next(self) -> Any:
        return await asyncio.wait_for(self.queue.get(), TIMEOUT_S)

    async def next_state(self) -> tuple[RealtimeSubscribeStates, str]:
        return await asyncio.wait_for(self.state.get(), TIMEOUT_S)


def private(*, key: str = "", replay_since_ms: int | None = None) -> RealtimeChannelOptions:
    options: RealtimeChannelOptions = {
        "config": {"private": True, "broadcast": {"self": False}, "presence": {"key": key, "enabled": bool(key)}}
    }
    if replay_since_ms is not None:
        options["config"]["broadcast"] = {"replay": {"since": replay_since_ms, "limit": 2}}
    return options


async def send(stack: TemporaryStack, topic: str, payload: dict[str, Any]) -> None:
    async with await psycopg.AsyncConnection.connect(stack.db_url) as database:
        await database.execute("select realtime.send(%s::jsonb, 'from-database', %s)", [json.dumps(payload), topic])


async def join(client: AsyncClient, topic: str, options: RealtimeChannelOptions, event: str = "*") -> tuple[Any, Heard]:
    heard = Heard()
    channel = client.channel(topic, options)
    channel.on_broadcast(event, heard.queue.put_nowait)
    await channel.subscribe(heard.on_state)
    return channel, heard


async def test_a_member_hears_the_database_and_the_other_member(
    stack: TemporaryStack, sign_in: Callable[..., Any]
) -> None:
    ada, bob = await sign_in(ADA), await sign_in(BOB)
    speaking, _ = await join(ada, "open:py", private())
    _, heard = await join(bob, "open:py", private())
    assert (await heard.next_state())[0] == JOINED
    await send(stack, "open:py", {"n": 1, "id": "one"})
    message = await heard.next()
    assert (message["event"], message["payload"]) == ("from-database", {"n": 1, "id": "one"})
    await speaking.send_broadcast("said", {"n": 2})
    assert (await heard.next())["payload"] == {"n": 2}
    await speaking.http_send("posted", {"n": 3})
    assert (await heard.next())["payload"] == {"n": 3}


async def test_who_may_not_write_is_not_heard(sign_in: Callable[..., Any]) -> None:
    ada, bob = await sign_in(ADA), await sign_in(BOB)
    hearing, heard = await join(ada, "open:quiet", private())
    speaking, echo = await join(bob, "open:quiet", private())
    await speaking.send_broadcast("said", {"by": "bob"})
    await hearing.send_broadcast("said", {"by": "ada"})
    assert (await echo.next())["payload"] == {"by": "ada"}
    assert heard.queue.empty()


async def test_a_stranger_is_refused(sign_in: Callable[..., Any]) -> None:
    ada = await sign_in(ADA)
    _, heard = await join(ada, "closed:py", private())
    state, error = await heard.next_state()
    assert state == FAILED
    assert "Unauthorized: You do not have permissions to read from this Channel topic: closed:py" in error


async def test_presence(sign_in: Callable[..., Any]) -> None:
    ada, bob = await sign_in(ADA), await sign_in(BOB)
    arrived: asyncio.Queue[str] = asyncio.Queue()
    left: asyncio.Queue[str] = asyncio.Queue()
    watching = bob.channel("open:presence", private(key="bob"))
    watching.on_presence_join(lambda key, _current, _new: arrived.put_nowait(key))
    watching.on_presence_leave(lambda key, _current, _gone: left.put_nowait(key))
    await watching.subscribe()
    tracked, _ = await join(ada, "open:presence", private(key="ada"))
    await tracked.track({"at": "desk"})
    assert await asyncio.wait_for(arrived.get(), TIMEOUT_S) == "ada"
    assert [meta["at"] for meta in watching.presence_state()["ada"]] == ["desk"]
    await ada.remove_channel(tracked)
    assert await asyncio.wait_for(left.get(), TIMEOUT_S) == "ada"


async def test_replay(stack: TemporaryStack, sign_in: Callable[..., Any]) -> None:
    for n in range(3):
        await send(stack, "open:replay", {"n": n, "id": str(n)})
    _, heard = await join(await sign_in(ADA), "open:replay", private(replay_since_ms=int(time.time() * 1000) - 60_000))
    messages = [await heard.next() for _ in range(2)]
    assert [(message["payload"]["n"], message["meta"]["replayed"]) for message in messages] == [(1, True), (2, True)]


async def test_a_token_that_expires_closes_the_channel(sign_in: Callable[..., Any]) -> None:
    ada = await sign_in(ADA, valid_s=2)
    _, heard = await join(ada, "open:brief", private())
    states = [await heard.next_state() for _ in range(3)]
    assert [state for state, _ in states] == [JOINED, FAILED, CLOSED]
    assert "Token has expired 0 seconds ago" in states[1][1]


async def test_a_new_token_in_time_keeps_the_channel(stack: TemporaryStack, sign_in: Callable[..., Any]) -> None:
    ada, brief = await sign_in(ADA, valid_s=2), await sign_in(ADA, valid_s=2)
    _, heard = await join(ada, "open:renewed", private())
    await ada.realtime.set_auth(stack.sign({"role": "authenticated", "sub": ADA}))
    _, other = await join(brief, "open:renewed", private())
    assert [(await other.next_state())[0] for _ in range(3)] == [JOINED, FAILED, CLOSED]  # its token is past its time
    await send(stack, "open:renewed", {"id": "still here"})
    assert (await heard.next())["payload"] == {"id": "still here"}


async def test_supabase_js(stack: TemporaryStack) -> None:
    claims: dict[str, object] = {"role": "authenticated", "sub": ADA}
    env = {
        **os.environ,
        "API_URL": stack.api_url,
        "ANON_KEY": stack.anon_key,
        "TOKEN": stack.sign(claims),
        "SHORT_TOKEN": stack.sign(claims, 4),
    }
    # Before version 22 Node has its WebSocket behind this flag.
    node = await asyncio.create_subprocess_exec(
        "node", "--experimental-websocket", str(SCRIPT), env=env, stdout=asyncio.subprocess.PIPE
    )
    assert node.stdout is not None
    said: dict[str, list[dict[str, Any]]] = {}
    try:
        async with asyncio.timeout(TIMEOUT_S * 2):
            async for line in node.stdout:
                event = json.loads(line)
                said.setdefault(event["what"], []).append(event)
                if event["what"] == "open":
                    await send(stack, "open:js", {"n": 1, "id": "one"})
            assert await node.wait() == 0
    finally:
        if node.returncode is None:
            node.kill()
            await node.wait()
    assert said["closed"][0]["status"] == "CHANNEL_ERROR"
    assert "Unauthorized: You do not have permissions to read" in said["closed"][0]["error"]
    assert said["open"][0]["status"] == "SUBSCRIBED"
    assert said["database"][0]["message"]["payload"] == {"n": 1, "id": "one"}
    assert said["acknowledged"][0]["answer"] == "ok"
    assert said["echo"][0]["message"]["payload"] == {"n": 1}
    assert said["presence"][0]["state"][0]["at"] == "desk"
    assert said["replay"][0]["message"]["meta"]["replayed"] is True
    assert said["system"][0]["message"]["message"] == "Token has expired 0 seconds ago"
    assert [event["status"] for event in said["brief"]] == ["SUBSCRIBED", "CLOSED"]
