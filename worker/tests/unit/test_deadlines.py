"""When the deadline loop sweeps. Time is virtual; the database's clock is an hour off and the sweeps are scripted."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from worker import errors
from worker.jobs import Sweep
from worker.schedule import LOOK_AGAIN_S, MARGIN_S, Deadlines, WhileLeading
from worker.tests.unit import virtual

FALLBACK_S = 15.0
START = datetime(2026, 1, 1, 1, tzinfo=UTC)


def now_s() -> float:
    return asyncio.get_running_loop().time()


def at(seconds: float) -> datetime:
    """The database's clock, that many seconds after the start of the test."""
    return START + timedelta(seconds=seconds)


@dataclass
class Database:
    """Holds deadlines (seconds from the start) and closes what is due, up to two at a time."""

    deadlines: list[float] = field(default_factory=list)
    locked: set[float] = field(default_factory=set)
    faults: int = 0
    takes_s: float = 0.0
    swept_at: list[float] = field(default_factory=list)

    async def sweep(self) -> Sweep:
        self.swept_at.append(now_s())
        if self.faults:
            self.faults -= 1
            raise errors.DatabaseUnavailableError
        seen = sorted(self.deadlines)
        due = [deadline for deadline in seen if deadline <= now_s() and deadline not in self.locked][:2]
        await asyncio.sleep(self.takes_s)
        for deadline in due:
            self.deadlines.remove(deadline)
            seen.remove(deadline)
        return Sweep(len(due), at(seen[0]) if seen else None, at(now_s()))


def play(database: Database, story: Callable[[Deadlines], Awaitable[None]]) -> list[float]:
    """Runs the loop beside the story; the instants of its sweeps."""

    async def scene() -> None:
        deadlines = Deadlines(database.sweep, FALLBACK_S)
        running = asyncio.create_task(deadlines.run())
        deadlines.lead(True)
        await story(deadlines)
        deadlines.stop()
        await running

    virtual.run(scene())
    return database.swept_at


def rounded(instants: list[float]) -> list[float]:
    return [round(instant, 6) for instant in instants]


def test_sweeps_at_the_deadline_and_not_before() -> None:
    async def story(_: Deadlines) -> None:
        await asyncio.sleep(10)

    swept_at = play(Database(deadlines=[3.0, 7.25]), story)
    assert rounded(swept_at) == [0, 3 + MARGIN_S, 7.25 + MARGIN_S]


def test_without_a_deadline_it_looks_after_the_fallback() -> None:
    async def story(_: Deadlines) -> None:
        await asyncio.sleep(31)

    assert rounded(play(Database(), story)) == [0, 15, 30]


def test_a_far_deadline_does_not_outlast_the_fallback() -> None:
    async def story(_: Deadlines) -> None:
        await asyncio.sleep(20)

    assert rounded(play(Database(deadlines=[1000.0]), story)) == [0, 15]


def test_a_hint_of_a_nearer_deadline_moves_the_sweep() -> None:
    database = Database(deadlines=[10.0])

    async def story(deadlines: Deadlines) -> None:
        await asyncio.sleep(1)
        database.deadlines.append(4.0)
        deadlines.hint(at(4.0))
        await asyncio.sleep(5)

    assert rounded(play(database, story)) == [0, 4 + MARGIN_S]


def test_a_hint_of_a_later_deadline_changes_nothing() -> None:
    async def story(deadlines: Deadlines) -> None:
        deadlines.hint(at(9.0))
        await asyncio.sleep(5)

    assert rounded(play(Database(deadlines=[4.0]), story)) == [0, 4 + MARGIN_S]


def test_a_hint_without_an_instant_sweeps_at_once_and_a_moment_later() -> None:
    async def story(deadlines: Deadlines) -> None:
        await asyncio.sleep(2)
        deadlines.hint(None)
        await asyncio.sleep(10)

    assert rounded(play(Database(), story)) == [0, 2, 2 + LOOK_AGAIN_S]


def test_a_hint_during_a_sweep_is_not_lost() -> None:
    database = Database(takes_s=1)

    async def story(deadlines: Deadlines) -> None:
        await asyncio.sleep(0.5)  # the sweep has read the rows and not answered yet
        database.deadlines.append(3.0)
        deadlines.hint(at(3.0))
        await asyncio.sleep(5)

    play(database, story)
    assert database.deadlines == []


def test_a_full_batch_goes_on_at_once() -> None:
    async def story(_: Deadlines) -> None:
        await asyncio.sleep(1)

    database = Database(deadlines=[-1.0, -2.0, -3.0, -4.0, -5.0])
    assert rounded(play(database, story)) == [0, 0, 0]
    assert database.deadlines == []


def test_a_locked_row_is_tried_again_soon_but_not_in_a_hot_loop() -> None:
    database = Database(deadlines=[-1.0], locked={-1.0})

    async def story(_: Deadlines) -> None:
        await asyncio.sleep(10)
        database.locked.clear()
        await asyncio.sleep(0.5)

    swept_at = play(database, story)
    assert database.deadlines == []
    assert 20 < len(swept_at) < 60


def test_while_the_database_is_away_it_tries_again_and_recovers_within_five_seconds() -> None:
    database = Database(deadlines=[0.0], faults=20)

    async def story(_: Deadlines) -> None:
        await asyncio.sleep(100)

    swept_at = play(database, story)
    assert database.deadlines == []
    assert max(later - earlier for earlier, later in pairwise(swept_at[:21])) <= 5


def test_only_a_leader_sweeps() -> None:
    async def story(deadlines: Deadlines) -> None:
        await asyncio.sleep(1)
        deadlines.lead(False)
        deadlines.hint(None)
        await asyncio.sleep(40)
        deadlines.lead(True)
        await asyncio.sleep(1)

    assert rounded(play(Database(), story)) == [0, 41]


def test_a_stop_finishes_the_sweep_that_has_begun() -> None:
    database = Database(deadlines=[0.0], takes_s=3)

    async def story(_: Deadlines) -> None:
        await asyncio.sleep(1)

    assert len(play(database, story)) == 1
    assert database.deadlines == []


def test_a_fault_of_an_hourly_job_ends_nothing() -> None:
    began_at: list[float] = []

    async def job() -> None:
        began_at.append(round(now_s()))
        raise RuntimeError("a fault of ours")

    async def scene() -> None:
        hourly = WhileLeading(job, 3600)
        running = asyncio.create_task(hourly.run())
        hourly.lead(True)
        await asyncio.sleep(3601)
        running.cancel()

    virtual.run(scene())
    assert began_at == [0, 3600]
