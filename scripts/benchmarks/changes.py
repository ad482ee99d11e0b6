"""How long after a charge an administrator hears of it, while many are charged."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Iterator, Sequence
from datetime import datetime

import psycopg

from benchmarks import charges, database, events, ledger, overview, pgbench, scripts
from benchmarks.comparison import percentile
from benchmarks.report import Row
from benchmarks.scale import Scale
from benchmarks.subscribers import PATIENCE_S, Heard, listening
from local_stack.processes import StackError
from local_stack.testing import TemporaryStack

PER_SECOND = 200
REFRESHES_PER_S = 2  # admin_refresh is 500 ms
WARM_UP_S = 3
TOPIC, CHANGED, BARE = "admin:usage", "usage:changed", "benchmark:bare"
PERCENTS = (50, 99)
POLL_S = 0.05
SEND = (
    "select realtime.send(jsonb_build_object('sent', extract(epoch from clock_timestamp())), "
    f"'{BARE}', '{TOPIC}', true)"
)


def measure(stack: TemporaryStack, scale: Scale) -> Iterator[Row]:
    """Latency from a charge to the first event that counts it, and how many events that takes."""
    with database.connect(stack) as connection:
        ledger.give(connection, charges.ACCOUNTS)
    with events.running(stack):
        writes, changes, bare = asyncio.run(_charge(stack, scale.charges_s))
    latencies = _latencies(writes, changes)
    for percent in PERCENTS:
        event_ms = 1000 * percentile(latencies, percent)
        bare_ms = 1000 * percentile([each.at - each.payload["sent"] for each in bare], percent)
        name = f"charge → {CHANGED}, {PER_SECOND} charges/s, p{percent}"
        yield Row(name, event_ms, bare_ms, event_ms / bare_ms, "ms", "500 ms apart" if percent == PERCENTS[-1] else "")
    per_second = _per_second([each.at for each in changes])
    writes_per_second = _per_second([each.ended_at for each in writes])
    yield Row(
        "  events", per_second, writes_per_second, per_second / writes_per_second, "/s", f"≤ {REFRESHES_PER_S} /s"
    )


async def _charge(stack: TemporaryStack, seconds: int) -> tuple[list[pgbench.Transaction], list[Heard], list[Heard]]:
    url = stack.database_url("authenticator")
    call = charges.PICK + scripts.AS_SERVICE % charges.CALL.format(more=f", thread_id => {charges.THREAD}")
    script = scripts.write(stack.folder / "scripts", "changes", call)
    async with listening(stack, TOPIC, overview.ADMIN) as admin:
        changes, bare = admin.hear(TOPIC, CHANGED), admin.hear(TOPIC, BARE)
        sending = asyncio.create_task(_send_bare(stack))
        with contextlib.ExitStack() as undo:
            undo.callback(sending.cancel)
            running = pgbench.running(url, script, PER_SECOND, users=charges.ACCOUNTS)
            transactions = undo.enter_context(running)
            await asyncio.sleep(WARM_UP_S + seconds)
            await asyncio.to_thread(undo.close)
        since = min(each.began_at for each in transactions) + WARM_UP_S
        writes = [each for each in transactions if each.began_at >= since]
        await _wait_for(changes, max(each.ended_at for each in writes))
        return writes, [each for each in changes if each.at >= since], [each for each in bare if each.at >= since]


async def _send_bare(stack: TemporaryStack) -> None:
    async with await psycopg.AsyncConnection.connect(stack.db_url, autocommit=True) as sender:
        while True:
            await sender.execute(SEND)
            await asyncio.sleep(POLL_S)


async def _wait_for(changes: Sequence[Heard], until: float) -> None:
    end = time.monotonic() + PATIENCE_S
    while not changes or _told_at(changes[-1]) < until:
        if time.monotonic() > end:
            raise StackError(f"The last charge was not told within {PATIENCE_S:g} s.")
        await asyncio.sleep(POLL_S)


def _per_second(times: Sequence[float]) -> float:
    return (len(times) - 1) / (max(times) - min(times))


def _told_at(change: Heard) -> float:
    return datetime.fromisoformat(change.payload["at"]).timestamp()


def _latencies(writes: Sequence[pgbench.Transaction], changes: Sequence[Heard]) -> list[float]:
    """From when each write was due to the first event from after its end."""
    latencies = []
    told = iter(changes)
    change = next(told)
    for write in sorted(writes, key=lambda each: each.ended_at):
        change = next(each for each in itertools.chain([change], told) if _told_at(each) >= write.ended_at)
        latencies.append(change.at - write.began_at)
    return latencies
