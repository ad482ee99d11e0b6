"""What is written to a stream's reader, and until when. Time is virtual; the reader is scripted."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import cast

from prometheus_client import CollectorRegistry
from starlette.types import Message
from structlog.testing import capture_logs

from worker import metrics, tokens
from worker.audience import Audience
from worker.streams import BACKLOG, Event, Stream
from worker.tests.unit import virtual
from worker.tests.unit.tokens_of import token_of
from worker.usage import COMMENT_INTERVAL_S, SEND_TIMEOUT_S, StreamResponse

SCOPE = {"type": "http", "method": "GET", "headers": []}


class Reader:
    """Reads until told not to."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.reads.set()
        self.leaves = asyncio.Event()
        self.written = b""
        self.closed: list[Stream] = []

    async def send(self, message: Message) -> None:
        await self.reads.wait()
        self.written += message.get("body", b"")

    async def receive(self) -> Message:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    def close(self, stream: Stream) -> None:
        self.closed.append(stream)
        stream.close()


def play(story: Callable[[Reader, Stream, asyncio.Task[None]], Awaitable[None]], *dropped: str) -> None:
    """Runs the story, after which the stream is closed and was dropped for just these reasons."""

    async def scene() -> None:
        registry = CollectorRegistry()
        reader, stream = Reader(), Stream(tokens.read(token_of("ada")), math.inf, metrics.Metrics(registry))
        response = StreamResponse(stream, cast(Audience, reader))
        answering = asyncio.create_task(response(SCOPE, reader.receive, reader.send))
        await asyncio.sleep(0.1)
        with capture_logs() as said:
            await story(reader, stream, answering)
        assert reader.closed == [stream]
        drops = [entry["reason"] for entry in said if entry["event"] == "stream.dropped"]
        assert drops == list(dropped)
        for reason in drops:
            assert registry.get_sample_value("hourglass_streams_dropped_total", {"reason": reason}) == 1

    virtual.run(scene())


def event(version: int) -> Event:
    return Event.of("usage:logged", version, {"version": version}, is_state=False)


def test_a_comment_comes_every_30_seconds() -> None:
    async def story(reader: Reader, _stream: Stream, answering: asyncio.Task[None]) -> None:
        await asyncio.sleep(3 * COMMENT_INTERVAL_S + 1)
        assert reader.written == b"retry: 1000\n\n" + 3 * b": still here\n\n"
        reader.leaves.set()
        await answering

    play(story)


def test_a_reader_that_takes_nothing_is_given_up() -> None:
    async def story(reader: Reader, stream: Stream, answering: asyncio.Task[None]) -> None:
        reader.reads.clear()
        stream.send(event(1))
        await asyncio.sleep(SEND_TIMEOUT_S - 1)
        assert not answering.done()
        await asyncio.sleep(2)
        assert answering.done()
        await answering

    play(story, "stalled")


def test_a_reader_that_is_too_slow_is_told_so_and_no_more() -> None:
    async def story(reader: Reader, stream: Stream, answering: asyncio.Task[None]) -> None:
        reader.reads.clear()
        for version in range(1, BACKLOG + 10):
            stream.send(event(version))
            await asyncio.sleep(0.01)
        reader.reads.set()
        await answering
        assert reader.written.count(b"event: usage:logged") == 1  # the one that was on its way
        assert reader.written.endswith(b'event: stream:dropped\ndata: {"reason":"slow"}\n\n')

    play(story, "slow")


def test_what_came_before_the_end_is_still_written() -> None:
    async def story(reader: Reader, stream: Stream, answering: asyncio.Task[None]) -> None:
        stream.send(event(1))
        stream.expire()
        stream.send(event(2))
        await answering
        assert reader.written.count(b"event: ") == 2
        assert reader.written.endswith(b'event: auth:expired\ndata: {"reason":"token_expired"}\n\n')

    play(story)
