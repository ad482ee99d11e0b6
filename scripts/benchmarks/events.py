"""How long after its cause an event reaches its user, against a bare message in the same seconds."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Iterator, Sequence

import psycopg

from benchmarks import database, people
from benchmarks.comparison import percentile
from benchmarks.report import Row
from benchmarks.scale import Caps, Scale
from local_stack.processes import StackError
from local_stack.testing import TemporaryStack

PERCENTS = (50, 99)
CAP_TARGETS = {(99, 1000): "≤ 100 ms"}
HEAD_START_S = 1  # from the last start to the first cap
BARE_PAUSE_S = 0.05
WARM_UPS = 20
WORKER_TIMEOUT_S = 30
POLL_S = 0.05

Latencies = tuple[list[float], list[float]]  # of the events, of the bare messages


def measure(stack: TemporaryStack, scale: Scale) -> Iterator[Row]:
    """Stops and caps, with few and many live sessions, while the API and the worker run."""
    with database.connect(stack) as connection, running(stack):
        for live_count, stops in scale.stops.items():
            database.start_sessions(connection, live_count)
            yield from _rows("stop", live_count, asyncio.run(_stop(stack, live_count, stops)), {})
        for caps in scale.caps:
            latencies = asyncio.run(_cap(stack, connection, caps))
            yield from _rows("cap", caps.live_count, latencies, CAP_TARGETS)


async def _stop(stack: TemporaryStack, live_count: int, stops: int) -> Latencies:
    user_ids = database.user_ids(live_count)
    events, bare = [], []
    async with people.listening(stack, user_ids) as users:
        for user_id in itertools.islice(itertools.cycle(user_ids), WARM_UPS + stops):
            events.append(await users.stop_latency(user_id))
            bare.append(await users.bare_latency(user_id))
    return events[WARM_UPS:], bare[WARM_UPS:]


async def _cap(stack: TemporaryStack, connection: psycopg.Connection, caps: Caps) -> Latencies:
    user_ids = database.user_ids(caps.live_count)
    events: list[float] = []
    bare: list[float] = []
    async with people.listening(stack, user_ids) as users:
        for _ in range(caps.rounds):
            database.make_users(connection, caps.live_count, caps.spread_s + HEAD_START_S)
            sending = asyncio.create_task(_send_bare(users, user_ids, bare))
            try:
                events += await asyncio.gather(
                    *(
                        _cap_one(users, user_id, caps.spread_s * number / caps.live_count)
                        for number, user_id in enumerate(user_ids)
                    )
                )
            finally:
                sending.cancel()
                await asyncio.wait({sending})
    return events, bare


async def _cap_one(users: people.People, user_id: str, delay_s: float) -> float:
    await asyncio.sleep(delay_s)
    return await users.cap_latency(user_id)


async def _send_bare(users: people.People, user_ids: Sequence[str], latencies: list[float]) -> None:
    for user_id in itertools.cycle(user_ids):
        latencies.append(await users.bare_latency(user_id))
        await asyncio.sleep(BARE_PAUSE_S)


def _rows(cause: str, live_count: int, latencies: Latencies, targets: dict[tuple[int, int], str]) -> Iterator[Row]:
    for percent in PERCENTS:
        event_ms, bare_ms = (1000 * percentile(values, percent) for values in latencies)
        name = f"{cause} → event, {live_count:,} live, p{percent}"
        yield Row(name, event_ms, bare_ms, event_ms / bare_ms, "ms", targets.get((percent, live_count), ""))


@contextlib.contextmanager
def running(stack: TemporaryStack, **env: str) -> Iterator[None]:
    """The API, and a worker that leads and listens."""
    worker = stack.worker({"LOG_FORMAT": "json", **env})
    with contextlib.ExitStack() as undo:
        undo.callback(stack.api.stop)
        stack.api.start()
        undo.callback(worker.stop)
        worker.start()
        end = time.monotonic() + WORKER_TIMEOUT_S
        while not all(event in worker.log.read_text() for event in ("leader.gained", "realtime.joined")):
            if time.monotonic() > end:
                raise StackError(f"The worker did not start:\n{worker.log.read_text()}")
            time.sleep(POLL_S)
        yield
