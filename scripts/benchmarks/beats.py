"""What a worker costs while everybody beats: its CPU with many live sessions, against one that has nothing to do."""

import time
from collections.abc import Iterator

import psycopg

from benchmarks import database, events, meters, pgbench, scripts
from benchmarks.report import Row
from benchmarks.scale import Scale
from local_stack.processes import StackError, free_port
from local_stack.testing import TemporaryStack

INTERVAL_S = 30
TTL = "90 seconds"  # the default
# As if all had beaten until now: the first one's beat is due, the last one's was a moment ago.
BEATEN = """
update public.usage_sessions as s
set expires_at = clock_timestamp() + %(ttl)s::interval + (substr(s.user_id, 2)::integer - %(live)s) * %(each)s::interval
"""
# In turn, where a random choice would leave some without a beat until they expire.
IN_TURN = rf"""
\set turn :turn + 1
\set n mod(:turn * {pgbench.CLIENTS} + :client_id, :users) + 1
{scripts.AS_USER % "select public.heartbeat_usage_session(md5('u' || :n)::uuid);"}
"""
LIVE = "select count(*) from public.usage_sessions where ended_at is null"


def measure(stack: TemporaryStack, scale: Scale) -> Iterator[Row]:
    """The sessions expire 90 seconds after their last beat, as they do by default."""
    url = f"http://127.0.0.1:{free_port()}"
    live = scale.beating
    script = scripts.write(stack.folder / "scripts", "in_turn", IN_TURN)
    with database.connect(stack) as connection, events.running(stack, HTTP_PORT=url.rpartition(":")[2]):
        database.start_sessions(connection, 0)
        idle = _cpu(url, scale.beat_s)
        database.start_sessions(connection, live)
        ttl = connection.execute("select session_ttl from private.settings").fetchone()
        connection.execute("update private.settings set session_ttl = %s", [TTL])
        each = f"{INTERVAL_S / live} seconds"
        connection.execute(BEATEN, {"ttl": TTL, "live": live, "each": each})
        client_url = stack.database_url("authenticator")
        with pgbench.running(client_url, script, live // INTERVAL_S, users=live, turn=-1) as beats:
            time.sleep(INTERVAL_S / 10)  # connections and caches are warm
            began = time.time()
            busy = _cpu(url, scale.beat_s)
            ended = time.time()
        connection.execute("update private.settings set session_ttl = %s", ttl)
        _require_all(connection, live)
    per_s = sum(began <= beat.ended_at < ended for beat in beats) / (ended - began)
    name = f"worker's CPU, {live:,} live, {per_s:,.0f} heartbeats/s"
    yield Row(f"{name}, vs none", 1000 * busy, 1000 * idle, busy / idle, "ms/s")


def _cpu(url: str, seconds: int) -> float:
    """CPU seconds that the worker takes per second."""
    before, began = meters.value(url, meters.CPU), time.monotonic()
    time.sleep(seconds)
    return (meters.value(url, meters.CPU) - before) / (time.monotonic() - began)


def _require_all(connection: psycopg.Connection, live: int) -> None:
    if connection.execute(LIVE).fetchone() != (live,):
        raise StackError("A session has ended: the heartbeats came too late.")
