"""Usage logs, few and many: the administrators' page, what users read, and how fast logs are counted."""

from collections.abc import Iterator

import psycopg

from benchmarks import database, logs, overview, reads, rollups
from benchmarks.comparison import Comparison
from benchmarks.report import Row
from benchmarks.scale import Scale
from local_stack.testing import TemporaryStack

TAIL = 1000  # logs that came since the last rollup: those of a minute and a half at a million a day


def measure(stack: TemporaryStack, scale: Scale) -> Iterator[Row]:
    """Each with so many logs as the scale says, and how it grows from the fewest to the most."""
    few, many = scale.logs[0], scale.logs[-1]
    pages: dict[int, dict[str, overview.Times]] = {}
    counted: dict[int, Comparison] = {}
    with database.connect(stack) as connection, logs.uncounted(connection):
        for count in scale.logs:
            logs.load(connection, overview.USERS, count)
            logs.add(connection, overview.USERS, TAIL)
            pages[count] = {}
            for page, times in overview.measure(stack, scale.fetches, scale.peer_fetches):
                pages[count][page.name] = times
                yield from _page_rows(page.name, count, times)
            if count in {few, many}:
                counted[count] = _count(connection, scale)
        for name, comparison in reads.measure(stack, scale, overview.USERS):
            yield _row(f"{name}, {many:,} logs, vs bare SELECT", comparison, "/s", "")
    for name, times in pages[many].items():
        yield _growth(f"{name}, p50", times.p50, pages[few][name].p50, "ms", "within 1.5")
    for count in (few, many):
        yield _row(f"rollup, {count:,} counted before, vs bare INSERT", counted[count], "logs/s", "ratio ≥ 0.5")
    yield _growth("  logs per second", counted[many].subject, counted[few].subject, "logs/s", "the same")


def _count(connection: psycopg.Connection, scale: Scale) -> Comparison:
    connection.execute(logs.NO_TAIL)
    return rollups.Rollups(connection, scale.counted).compare(scale.rounds)


def _page_rows(name: str, count: int, times: overview.Times) -> Iterator[Row]:
    name = f"usage {name}, {count:,} logs, vs adding up"
    yield Row(f"{name}, p50", times.p50, times.peer, times.p50 / times.peer, "ms")
    yield Row("  p95", times.p95, times.peer, times.p95 / times.peer, "ms", "< 20 ms")


def _growth(name: str, many: float, few: float, unit: str, target: str) -> Row:
    return Row(f"  {name}: many logs vs few", many, few, many / few, unit, target)


def _row(name: str, comparison: Comparison, unit: str, target: str) -> Row:
    return Row(name, comparison.subject, comparison.baseline, comparison.ratio, unit, target)
