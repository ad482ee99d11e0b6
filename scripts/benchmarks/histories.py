"""Statistics of a user with many tracked sessions, among few and among many of other people's."""

import json
from collections.abc import Iterator

import psycopg

from benchmarks import database, rooms, tracked
from benchmarks.comparison import Comparison, compare
from benchmarks.explained import Explained
from benchmarks.report import Row
from benchmarks.scale import Scale
from local_stack.testing import TemporaryStack

USERS = 10_000
OWN = 10_000
CLAIMS = json.dumps({"sub": "u1", "role": "authenticated"})
STATISTICS = "select public.get_user_session_stats(30)"
# All that can be known of the sessions without their sections.
AGGREGATE = """
select count(*), sum(session_end - session_start), max(session_start)
from public.user_sessions
where user_id = 'u1' and session_start >= now() - interval '30 days'
"""


def measure(stack: TemporaryStack, scale: Scale) -> Iterator[Row]:
    """Time and buffers of the statistics, and whether they grow with what others have done."""
    with database.connect(stack) as connection:
        connection.execute("select set_config('request.jwt.claims', %s, false)", [CLAIMS])
        rooms.clear(connection, USERS)
        few, few_buffers = _compare(connection, scale.histories[0], scale.sweeps)
        many, many_buffers = _compare(connection, scale.histories[1], scale.sweeps)
        for total, times in zip(scale.histories, (few, many), strict=True):
            name = f"statistics of {OWN:,} sessions among {total:,}"
            yield Row(f"{name} vs bare aggregate", times.subject, times.baseline, times.ratio, "ms")
        name = f"  among {scale.histories[1]:,} vs among {scale.histories[0]:,}"
        yield Row(name, many.subject, few.subject, many.subject / few.subject, "ms", "within 1.3")
        yield Row("  its buffers", many_buffers, few_buffers, many_buffers / few_buffers, "pages")


def _compare(connection: psycopg.Connection, total: int, rounds: int) -> tuple[Comparison, int]:
    tracked.end_sessions(connection, USERS, total, OWN)
    tracked.roll_up(connection)
    statistics, aggregate = Explained(connection, STATISTICS), Explained(connection, AGGREGATE)
    times = compare(statistics.milliseconds, aggregate.milliseconds, rounds)
    return times, statistics.buffers
