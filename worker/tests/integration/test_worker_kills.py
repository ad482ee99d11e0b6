"""A worker that goes in the middle of its work: nothing is lost, nothing is done twice, and another goes on."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from local_stack import testing
from worker.tests.integration import fault_world, usage_sums
from worker.tests.integration.fault_world import World
from worker.tests.integration.worker_program import Worker, wait_until
from worker.tests.integration.worker_wire import Wire

COUNT = 1000
LOGS = 2000
DAYS = 300
STORY = {"is_newest": True, "is_counted": True, "people": COUNT // 2}
CAPPED_STORY = STORY | {
    "plan_id": "capped",
    "statuses": ["capped"],
    # By version, and of one version by name: those of the end are one transaction.
    "events": ["session:created", "session:warning", "session:closed", *["session:warning"] * 3],
    "kinds": ["usage_capped", "usage_near_limit", *(f"usage_percent_reached {percent}" for percent in (80, 90, 100))],
}
EXPIRED_STORY = STORY | {
    "plan_id": "expired",
    "statuses": ["expired"],
    "events": ["session:created", "session:closed"],
    "kinds": ["session_expired"],
}


@pytest.fixture(scope="module")
def due() -> Iterator[World]:
    with testing.temporary_stack() as stack, fault_world.world_of(stack) as world:
        yield world


def killed(worker: Worker, wire: Wire) -> None:
    worker.stop(signal.SIGKILL)


def cut_off(worker: Worker, wire: Wire) -> None:
    wire.cut()


def unheard(worker: Worker, wire: Wire) -> None:
    """The worker notices first. The server is as far from the network as the wire's other end, and notices later."""
    wire.deafen()
    worker.hear("leader.lost")
    wire.cut()


@pytest.mark.parametrize(
    ("goes", "batch"),
    [(killed, "committed"), (killed, "rolled back"), (cut_off, "committed"), (unheard, "rolled back")],
)
def test_a_leader_that_goes_in_the_middle_of_1000_closings(
    due: World, running: ExitStack, tmp_path: Path, goes: Callable[[Worker, Wire], None], batch: str
) -> None:
    people = due.start_sessions(COUNT)
    wire = running.enter_context(Wire(due.stack.worker_db_url))
    with due.stopped_halfway(people, COUNT):
        first = Worker(due.stack, tmp_path, DATABASE_URL=wire.url, SWEEP_BATCH_SIZE=str(COUNT)).run(running)
        first.hear("leader.gained")
        orphan = due.await_waiting("run_due")
        assert due.ended_count(people) == 0, "half of them are ended, and nobody else sees it"
        second = Worker(due.stack, tmp_path, SWEEP_BATCH_SIZE=str(COUNT)).run(running)
        second.hear("leader.waiting")
        goes(first, wire)
        second.hear("leader.gained")
        wait_until("the next goes on", lambda: due.ended_count(people) > 0)
        assert due.is_working(orphan), "the server does not know yet"
        if batch == "rolled back":
            due.terminate(orphan)
    wait_until("all are ended", lambda: due.ended_count(people) == COUNT)
    assert due.stories(people) == [CAPPED_STORY, EXPIRED_STORY]


@pytest.mark.parametrize("batch", ["committed", "rolled back"])
def test_a_worker_that_is_killed_while_it_counts_usage(
    due: World, running: ExitStack, tmp_path: Path, batch: str
) -> None:
    people = due.log_usage(LOGS)
    assert due.counted(people) == 0
    with due.holding("lock table public.account_usage in share mode"):
        first = Worker(due.stack, tmp_path, SWEEP_BATCH_SIZE=str(LOGS // 4)).run(running)
        orphan = due.await_waiting("run_due")
        first.stop(signal.SIGKILL)
        if batch == "rolled back":
            due.terminate(orphan)
        Worker(due.stack, tmp_path).run(running).hear("leader.gained")
    wait_until("all is counted", lambda: due.counted(people) == LOGS)
    assert usage_sums.wrong(due.connection, people) == []


@pytest.mark.parametrize("batch", ["committed", "rolled back"])
def test_a_job_that_is_killed_while_it_adds_up_days(due: World, batch: str) -> None:
    people = due.track_sessions(DAYS)
    with due.holding("lock table public.session_daily in share mode"):
        process = due.begin("roll-up-sessions")
        orphan = due.await_waiting("run_job")
        process.kill()
        process.communicate()
        assert due.days(people) == []
        if batch == "rolled back":
            due.terminate(orphan)
    wait_until("the server has noticed", lambda: not due.is_working(orphan))
    assert len(due.days(people)) == (DAYS if batch == "committed" else 0)
    again = due.begin("roll-up-sessions")
    again.communicate()
    assert again.returncode == 0
    assert due.days(people) == due.days_of_rows(people)
    assert len(due.days(people)) == DAYS
