"""The clock is the database's: that of the worker's own machine may be wrong, or be set while the worker runs."""

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local_stack.config import Stack
from worker.tests.integration.worker_program import Clients, Worker, wait_until

FALLBACK_S = 15
WRONG = timedelta(hours=1)
TOLERANCE = timedelta(minutes=5)


def wrong_clock(file: Path) -> dict[str, str]:
    """What makes a process read the wall clock through libfaketime, with the offset that stands in the file."""
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def offset(worker: Worker) -> timedelta:
    """How far the clock by which the worker stamps its last line is from ours."""
    return datetime.fromisoformat(worker.said()[-1]["timestamp"]) - datetime.now(UTC)


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_is_an_hour_wrong_has_no_effect(
    stack: Stack, clients: Clients, running: ExitStack, tmp_path: Path, hours: int
) -> None:
    file = tmp_path / "clock"
    file.write_text(f"{hours * 3600:+d}")
    worker = Worker(stack, tmp_path, **wrong_clock(file)).run(running)
    worker.hear_all("leader.gained", "realtime.joined")
    assert abs(offset(worker) - hours * WRONG) < TOLERANCE
    lateness = [clients.lateness(clients.start()) for _ in range(3)]
    assert timedelta() < min(lateness) <= max(lateness) < timedelta(seconds=FALLBACK_S / 3)


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_is_set_by_an_hour_meanwhile_has_no_effect(
    stack: Stack, clients: Clients, running: ExitStack, tmp_path: Path, hours: int
) -> None:
    file = tmp_path / "clock"
    file.write_text("+0")
    worker = Worker(stack, tmp_path, **wrong_clock(file)).run(running)
    worker.hear_all("leader.gained", "realtime.joined")
    assert abs(offset(worker)) < TOLERANCE
    planned = clients.start()
    file.write_text(f"{hours * 3600:+d}")
    lateness = [clients.lateness(user_id) for user_id in (planned, clients.start(), clients.start())]
    wait_until("its clock is set", lambda: abs(offset(worker) - hours * WRONG) < TOLERANCE)
    assert timedelta() < min(lateness) <= max(lateness) < timedelta(seconds=FALLBACK_S / 3)
