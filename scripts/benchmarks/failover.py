"""How long nobody sweeps when the leader is killed, against how long the database keeps the dead one's lock."""

import random
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg

from benchmarks import database
from benchmarks.comparison import percentile
from benchmarks.report import Row
from benchmarks.scale import Scale
from local_stack.processes import StackError
from local_stack.testing import Program, TemporaryStack

PERCENTS = (50, 90, 100)
TARGETS = {100: "≤ 5 s"}
PATIENCE_S = 60
POLL_S = 0.005
LIMIT_S = 1
HEAD_START_S = 0.05  # from the kill to the deadline that it is measured by
PHASE_S = 1.0  # the next tries for the lock as often
HOLDERS = "select from pg_locks where locktype = 'advisory' and pid = %s"
LEADER = """
select l.pid from pg_locks as l inner join pg_stat_activity as a on a.pid = l.pid
where l.locktype = 'advisory' and l.granted and a.application_name = 'hourglass-worker'
"""
START = """
select set_config('request.jwt.claims', '{"sub": "u1"}', true), (public.start_usage_session()).session_cap_at
"""
CLOSED_AT = """
select a.changed_at from public.usage_sessions as s inner join public.accounts as a on a.user_id = s.user_id
where s.user_id = 'u1' and s.ended_at is not null
"""


def measure(stack: TemporaryStack, scale: Scale) -> Iterator[Row]:
    """From the kill to the end that another worker stores, of a session whose deadline is right after the kill."""
    failovers, releases = [], []
    with database.connect(stack) as connection, ExitStack() as undo:
        undo.callback(stack.api.stop)
        stack.api.start()
        leader = _worker(stack, undo, 0)
        _await_said(leader, "leader.gained")
        for number in range(1, scale.failovers + 1):
            follower = _worker(stack, undo, number)
            _await_said(follower, "leader.waiting")
            failover_s, release_s = _kill(connection, leader)
            failovers.append(failover_s)
            releases.append(release_s)
            leader = follower
    for percent in PERCENTS:
        failover_s, release_s = percentile(failovers, percent), percentile(releases, percent)
        name = f"leader killed → another's sweep, {scale.failovers} times, p{percent}"
        yield Row(name, failover_s, release_s, failover_s / release_s, "s", TARGETS.get(percent, ""))


def _kill(connection: psycopg.Connection, leader: Program) -> tuple[float, float]:
    """Seconds until the next end is stored, and until the lock is free; by one clock, as all runs on one machine."""
    (pid,) = connection.execute(LEADER).fetchone() or (0,)
    database.make_users(connection, 1, LIMIT_S)
    time.sleep(random.uniform(0, PHASE_S))
    with connection.transaction():
        _, cap_at = connection.execute(START).fetchone() or (None, None)
    if cap_at is None:
        raise StackError("The session has no cap.")
    time.sleep(max(cap_at.timestamp() - HEAD_START_S - time.time(), 0))
    killed_at = time.time()
    leader.stop(signal.SIGKILL)
    while connection.execute(HOLDERS, [pid]).rowcount:
        time.sleep(POLL_S)
    released_at = time.time()
    while (row := connection.execute(CLOSED_AT).fetchone()) is None:
        if time.time() - killed_at > PATIENCE_S:
            raise StackError("No other worker has taken over.")
        time.sleep(POLL_S)
    return row[0].timestamp() - killed_at, released_at - killed_at


def _worker(stack: TemporaryStack, undo: ExitStack, number: int) -> Program:
    worker = stack.worker({"LOG_FORMAT": "json"})
    worker.log = stack.folder / "logs" / f"worker-{number}.log"
    undo.callback(worker.stop, signal.SIGKILL)
    worker.start()
    return worker


def _await_said(worker: Program, event: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while event not in worker.log.read_text():
        if time.monotonic() > end:
            raise StackError(f"The worker did not start:\n{worker.log.read_text()}")
        time.sleep(POLL_S)
