"""A sweep that finds nothing due among many live sessions, against a bare count over the same partial index."""

from collections.abc import Iterator
from typing import Any

import psycopg

from benchmarks import database
from benchmarks.comparison import compare
from benchmarks.report import Row
from benchmarks.scale import Scale
from local_stack.testing import TemporaryStack

LIVE_SESSIONS = 10_000
SWEEP = "select * from private.close_due_sessions()"
COUNT = "select count(*) from public.usage_sessions where ended_at is null"


class Explained:
    """A query under `explain (analyze, buffers)`."""

    def __init__(self, connection: psycopg.Connection, query: str) -> None:
        self._connection = connection
        self._query = f"explain (analyze, buffers, format json) {query}"
        self.buffers = 0

    def milliseconds(self) -> float:
        row = self._connection.execute(self._query.encode()).fetchone()
        assert row is not None
        explained: dict[str, Any] = row[0][0]
        plan = explained["Plan"]
        self.buffers = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        return float(explained["Execution Time"])


def measure(stack: TemporaryStack, scale: Scale) -> Iterator[Row]:
    """Time and buffers of one sweep."""
    with database.connect(stack) as connection:
        database.start_sessions(connection, LIVE_SESSIONS)
        sweep, count = Explained(connection, SWEEP), Explained(connection, COUNT)
        times = compare(sweep.milliseconds, count.milliseconds, scale.sweeps)
        name = f"sweep, {LIVE_SESSIONS:,} live, none due, vs count(*)"
        yield Row(name, times.subject, times.baseline, times.ratio, "ms")
        yield Row("  its buffers", sweep.buffers, count.buffers, sweep.buffers / count.buffers, "pages")
