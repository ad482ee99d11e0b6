"""Sessions are closed at their deadline; with nothing but the clock, within the fallback interval."""

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from local_stack.config import Stack
from worker.tests.integration.worker_program import Clients, Worker

FALLBACK_S = 15
NO_SERVER = "http://127.0.0.1:1"


def test_a_hint_brings_the_sweep_to_the_deadline(
    stack: Stack, clients: Clients, running: ExitStack, tmp_path: Path
) -> None:
    worker = Worker(stack, tmp_path).run(running)
    worker.hear_all("leader.gained", "realtime.joined")
    lateness = [clients.lateness(clients.start()) for _ in range(3)]
    assert max(lateness) < timedelta(seconds=FALLBACK_S / 3)


def test_a_hint_brings_the_sweep_to_the_end_of_a_hold(
    stack: Stack, clients: Clients, running: ExitStack, tmp_path: Path
) -> None:
    worker = Worker(stack, tmp_path).run(running)
    worker.hear_all("leader.gained", "realtime.joined")
    lateness = [clients.hold_lateness(clients.hold()) for _ in range(3)]
    assert timedelta() < min(lateness) <= max(lateness) < timedelta(seconds=FALLBACK_S / 3)


def test_without_realtime_the_fallback_closes(
    stack: Stack, clients: Clients, running: ExitStack, tmp_path: Path
) -> None:
    worker = Worker(stack, tmp_path, SUPABASE_URL=NO_SERVER, FALLBACK_INTERVAL_SECONDS="2").run(running)
    worker.hear_all("leader.gained", "realtime.unreachable")
    assert clients.lateness(clients.start()) < timedelta(seconds=FALLBACK_S)


def test_more_than_a_batch_is_closed_batch_by_batch(
    stack: Stack, clients: Clients, running: ExitStack, tmp_path: Path
) -> None:
    users = [clients.start() for _ in range(10)]
    clients.await_cap(users[-1])
    worker = Worker(stack, tmp_path, SUPABASE_URL=NO_SERVER, SWEEP_BATCH_SIZE="2").run(running)
    worker.hear("leader.gained")
    for user_id in users:
        clients.lateness(user_id)
    counts = [event["count"] for event in worker.said() if event["event"] == "sweep.done"]
    assert max(counts) <= 2
