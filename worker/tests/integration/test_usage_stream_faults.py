"""Streams whose reader is slow, whose Realtime goes away, and whose worker stops."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from local_stack import testing
from local_stack.config import Stack
from local_stack.testing import TemporaryStack
from worker.tests.integration import sdk_client
from worker.tests.integration.sdk_client import App
from worker.tests.integration.stream_reader import Reader, Web
from worker.tests.integration.worker_program import wait_until
from worker.tests.integration.worker_wire import Wire

LARGE_BYTES = 30_000
FLOOD = """select count(realtime.send(
      jsonb_build_object('version', 0, 'filling', repeat('x', %s)), 'large', 'user:' || %s, true
    )) from generate_series(1, 50)"""


@pytest.fixture(scope="module")
def own_stack() -> Iterator[TemporaryStack]:
    """One whose servers a test may stop."""
    with testing.temporary_stack() as stack:
        yield stack


def slow_reader(web: Web, user_id: str) -> socket.socket:
    """Asks for a stream and reads no more of it than its beginning."""
    place = urlsplit(web.url)
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.connect((place.hostname, place.port))
    request = f"GET /usage/stream?access_token={web.token(user_id)} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n"
    reader.sendall(request.encode())
    assert reader.recv(15) == b"HTTP/1.1 200 OK"
    return reader


async def test_a_reader_that_does_not_read_is_dropped_and_told_why(
    stack: Stack, live: App, running: ExitStack, tmp_path: Path
) -> None:
    web = Web.run(stack, tmp_path, running)
    ada = await live.user()
    async with web.joined(ada.id) as quick:
        with slow_reader(web, ada.id) as slow, psycopg.connect(stack.db_url, autocommit=True) as connection:
            while web.metric('hourglass_streams_dropped_total{reason="slow"}') == 0:
                connection.execute(FLOOD, [LARGE_BYTES, ada.id])
                for _ in range(50):
                    await quick.next("large")
            assert web.worker.hear("stream.dropped")["reason"] == "slow"
            slow.settimeout(sdk_client.PATIENCE_S)
            said = b""
            while chunk := await asyncio.to_thread(slow.recv, 65536):
                said = (said + chunk)[-500:]
        session = await ada.call("start_usage_session")
        assert (await quick.next("session:created")).data["state"]["session_id"] == session["session_id"]
    assert b'event: stream:dropped\ndata: {"reason":"slow"}\n\n' in said


async def test_realtime_that_stops_and_starts(own_stack: TemporaryStack, running: ExitStack, tmp_path: Path) -> None:
    web = Web.run(own_stack, tmp_path, running)
    async with sdk_client.app_of(own_stack) as app:
        ada = await app.user()
        async with web.joined(ada.id) as reader:
            session = await ada.call("start_usage_session")
            await reader.next("session:created")
            own_stack.api.stop()
            web.worker.hear("realtime.lost")
            with psycopg.connect(own_stack.db_url) as connection:
                connection.execute("select public.end_session_with_token(%s)", [session["end_token"]])
            own_stack.api.start()
            state = await reader.next("session:state")
            assert (state.id, state.data["status"]) == ("2", "closed")
            web.worker.hear("realtime.joined")
            await heard_again(reader, ada)


async def heard_again(reader: Reader, person: sdk_client.Person) -> None:
    """Starts sessions until one is told of by an event: the channel is back."""
    heard = asyncio.create_task(reader.next("session:created"))
    async with asyncio.timeout(sdk_client.PATIENCE_S):
        while not heard.done():
            session = await person.call("start_usage_session")
            await asyncio.wait({heard}, timeout=0.5)
            await person.call("stop_usage_session", session_id=session["session_id"])
    heard.result()


async def test_a_socket_that_goes_deaf(stack: Stack, live: App, running: ExitStack, tmp_path: Path) -> None:
    wire = running.enter_context(Wire(stack.api_url))
    web = Web.run(stack, tmp_path, running, SUPABASE_URL=wire.url)
    ada = await live.user()
    async with web.joined(ada.id) as reader:
        wire.deafen()
        session = await ada.call("start_usage_session")
        web.worker.hear("realtime.lost", reason="no echo")
        wire.mend()
        state = await reader.next("session:state")
        assert state.data["session_id"] == session["session_id"]
        await ada.call("stop_usage_session", session_id=session["session_id"])
        await heard_again(reader, ada)


async def test_a_database_that_restarts(own_stack: TemporaryStack, running: ExitStack, tmp_path: Path) -> None:
    web = Web.run(own_stack, tmp_path, running)
    async with sdk_client.app_of(own_stack) as app:
        ada = await app.user()
        async with web.joined(ada.id) as reader:
            own_stack.cluster.stop()
            wait_until("the worker is not ready", lambda: not web.is_ready())
            own_stack.cluster.start()
            wait_until("the worker is ready", web.is_ready)
            await heard_again(reader, ada)


async def test_a_worker_that_stops_says_when_to_come_back(stack: Stack, running: ExitStack, tmp_path: Path) -> None:
    web = Web.run(stack, tmp_path, running)
    async with AsyncExitStack() as opened:
        readers = [await opened.enter_async_context(web.stream(web.token(f"user {n}"))) for n in range(5)]
        for reader in readers:
            await reader.next()
        with slow_reader(web, "somebody who does not read"):
            stopped = asyncio.create_task(asyncio.to_thread(web.worker.stop))
            for reader in readers:
                assert await reader.rest() == []
                assert reader.comments == ["the worker stops"]
                assert len(reader.retry_ms) == 2
            assert await stopped == 0
    web.worker.hear("service.stopped")
