"""The API as supabase-js shows it; the assertions are in javascript/*.test.mjs."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from local_stack.config import Stack
from worker.tests.integration import sdk_client
from worker.tests.integration.stream_reader import Web
from worker.tests.integration.worker_program import PLAN, Clients, Worker

JAVASCRIPT = Path(__file__).with_name("javascript")
FALLBACK_S = 15
# Node has WebSocket without a flag from version 22; the client leaves a timer of 10 s behind when it disconnects.
FLAGS = ("--experimental-websocket", "--test-force-exit")


@pytest.fixture
async def live(stack: Stack) -> AsyncIterator[Stack]:
    """The stack, with channels that deliver what the database sends."""
    async with sdk_client.app_of(stack) as app, sdk_client.delivering(app):
        yield stack


async def run(stack: Stack, name: str, **env: str) -> None:
    own = {
        "API_URL": stack.api_url,
        "ANON_KEY": stack.anon_key,
        "SERVICE_ROLE_KEY": stack.service_role_key,
        "JWT_SECRET": stack.jwt_secret,
        "PLAN": PLAN,
        "FALLBACK_S": str(FALLBACK_S),
        **env,
    }
    process = await asyncio.create_subprocess_exec(
        "node", *FLAGS, JAVASCRIPT / f"{name}.test.mjs", env={**os.environ, **own},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


async def test_functions_and_tables(stack: Stack) -> None:
    await run(stack, "calls")


async def test_events(live: Stack) -> None:
    await run(live, "events")


async def test_rooms(live: Stack) -> None:
    await run(live, "rooms")


async def test_the_worker_ends_a_session_that_nobody_calls_for(
    live: Stack, clients: Clients, running: ExitStack, tmp_path: Path
) -> None:
    Worker(live, tmp_path).run(running)
    await run(live, "deadline")


async def test_an_event_source_follows_its_user(live: Stack, running: ExitStack, tmp_path: Path) -> None:
    web = Web.run(live, tmp_path, running)
    await run(live, "stream", WORKER_URL=web.url)
