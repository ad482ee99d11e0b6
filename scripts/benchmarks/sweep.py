"""A sweep that finds nothing due among many live sessions, against a bare count over the same partial index."""

from collections.abc import Iterator

from benchmarks import database
from benchmarks.comparison import compare
from benchmarks.explained import Explained
from benchmarks.report import Row
from benchmarks.scale import Scale
from local_stack.testing import TemporaryStack

LIVE_SESSIONS = 10_000
SWEEP = "select * from private.close_due_sessions()"
COUNT = "select count(*) from public.usage_sessions where ended_at is null"


def measure(stack: TemporaryStack, scale: Scale) -> Iterator[Row]:
    """Time and buffers of one sweep."""
    with database.connect(stack) as connection:
        database.start_sessions(connection, LIVE_SESSIONS)
        sweep, count = Explained(connection, SWEEP), Explained(connection, COUNT)
        times = compare(sweep.milliseconds, count.milliseconds, scale.sweeps)
        name = f"sweep, {LIVE_SESSIONS:,} live, none due, vs count(*)"
        yield Row(name, times.subject, times.baseline, times.ratio, "ms")
        yield Row("  its buffers", sweep.buffers, count.buffers, sweep.buffers / count.buffers, "pages")
