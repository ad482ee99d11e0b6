"""Channels of many users on few sockets, each under its own token."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from local_stack.config import Stack
from worker import errors
from worker.channels import CHANNELS_PER_SOCKET, Channels
from worker.metrics import Metrics
from worker.tests.integration.sdk_client import PATIENCE_S, App


@pytest.fixture
async def channels(stack: Stack) -> AsyncIterator[Channels]:
    channels = Channels(stack.api_url, stack.anon_key, Metrics(CollectorRegistry()))
    yield channels
    await channels.close()


def token_of(stack: Stack, user_id: str, valid_s: int = 3600) -> str:
    return stack.sign({"sub": user_id, "role": "authenticated"}, valid_s)


async def test_more_users_than_a_socket_holds(stack: Stack, channels: Channels) -> None:
    people = [f"on a socket {number}" for number in range(CHANNELS_PER_SOCKET + 5)]
    async with AsyncExitStack() as joined:
        for user_id in people:
            topic = f"user:{user_id}"
            await joined.enter_async_context(channels.joined(topic, token_of(stack, user_id), lambda *_: None))
        assert len(channels.sockets) == 2
    async with asyncio.timeout(PATIENCE_S):
        while channels.sockets:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


async def test_a_token_opens_its_own_topic_only(stack: Stack, channels: Channels) -> None:
    async with channels.joined("user:ada", token_of(stack, "ada"), lambda *_: None):
        with pytest.raises(errors.RealtimeRefusedError):
            async with channels.joined("user:grace", token_of(stack, "ada"), lambda *_: None):
                pass


async def test_a_topic_is_left_and_joined_again_at_once(stack: Stack, live: App, channels: Channels) -> None:
    ada = await live.user()
    for _ in range(3):
        heard: asyncio.Queue[str] = asyncio.Queue()

        def hear(name: str, _payload: Any, heard: asyncio.Queue[str] = heard) -> None:
            heard.put_nowait(name)

        async with channels.joined(f"user:{ada.id}", token_of(stack, ada.id), hear) as channel:
            state = await ada.call("start_usage_session")
            async with asyncio.timeout(PATIENCE_S):
                assert await heard.get() == "session:created"
            await ada.call("stop_usage_session", session_id=state["session_id"])
            assert not channel.lost.done()


async def test_a_channel_outlives_the_token_that_it_was_joined_with(
    stack: Stack, live: App, channels: Channels
) -> None:
    ada = await live.user()
    topic = f"user:{ada.id}"
    async with (
        channels.joined(topic, token_of(stack, ada.id, valid_s=2), lambda *_: None) as channel,
        channels.joined("user:grace", token_of(stack, "grace", valid_s=2), lambda *_: None) as other,
    ):
        await channel.use(token_of(stack, ada.id))
        async with asyncio.timeout(PATIENCE_S):
            assert "expired" in await other.lost
        assert not channel.lost.done()
        await channel.use(token_of(stack, ada.id, valid_s=-1))
        async with asyncio.timeout(PATIENCE_S):
            assert "expired" in await channel.lost
