"""Many streams at once, each of somebody else: everybody hears of their own, and nobody is left behind."""

import asyncio
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import psycopg

from local_stack.config import Stack
from worker.tests.integration.sdk_client import App
from worker.tests.integration.stream_reader import Reader, Web
from worker.tests.integration.worker_program import wait_until

CROWD = 1_000
OPENED_AT_ONCE = 20
ASK = "select public.grant_credits(user_id => %s, credits => 1)"


async def test_a_thousand_people_each_hear_of_their_own(
    stack: Stack, live: App, running: ExitStack, tmp_path: Path
) -> None:
    web = Web.run(stack, tmp_path, running)
    turn = asyncio.Semaphore(OPENED_AT_ONCE)
    async with AsyncExitStack() as opened:

        async def follow(user_id: str) -> Reader:
            async with turn:
                reader = await opened.enter_async_context(web.stream(web.token(user_id)))
                assert (await reader.next()).name == "session:state"
                return reader

        people = [f"one of many {number}" for number in range(CROWD)]
        readers = await asyncio.gather(*(follow(user_id) for user_id in people))
        assert web.metric("hourglass_streams_open") == CROWD
        with psycopg.connect(stack.db_url, autocommit=True) as connection:
            connection.execute("""set request.jwt.claims = '{"role": "service_role"}'""")
            for user_id in people:
                connection.execute(ASK, [user_id])
        # What was granted before the worker heard of that user is made good by the state.
        for reader in readers:
            assert (await reader.next("credits:changed", "session:state")).id == "1"
    wait_until("all streams are closed", lambda: web.metric("hourglass_streams_open") == 0)
    assert web.metric('hourglass_streams_dropped_total{reason="slow"}') == 0
