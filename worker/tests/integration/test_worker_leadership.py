"""Of several workers one sweeps; when it goes, another takes its place."""

import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from local_stack.config import Stack
from local_stack.processes import environment
from worker import database
from worker.tests.integration.worker_pooler import TransactionPooler
from worker.tests.integration.worker_program import Clients, Worker, wait_until

TAKE_OVER_S = 5
FALLBACK_S = 15


def test_when_the_leader_is_killed_another_leads_within_five_seconds(
    stack: Stack, clients: Clients, running: ExitStack, tmp_path: Path
) -> None:
    first = Worker(stack, tmp_path).run(running)
    first.hear("leader.gained")
    second = Worker(stack, tmp_path).run(running)
    second.hear("leader.waiting")
    first.stop(signal.SIGKILL)
    killed_at = time.monotonic()
    second.hear("leader.gained")
    assert time.monotonic() - killed_at < TAKE_OVER_S
    assert clients.lateness(clients.start()) < timedelta(seconds=FALLBACK_S)


def test_a_stop_gives_the_lead_away_and_leaves_nothing_behind(
    stack: Stack, clients: Clients, running: ExitStack, tmp_path: Path
) -> None:
    before = clients.backends()
    first = Worker(stack, tmp_path).run(running)
    first.hear("leader.gained")
    second = Worker(stack, tmp_path).run(running)
    second.hear("leader.waiting")
    assert first.stop(signal.SIGTERM) == 0
    first.hear("leader.lost", reason="stopped")
    first.hear("service.stopped")
    second.hear("leader.gained")
    assert second.stop(signal.SIGINT) == 0
    second.hear("service.stopped")
    wait_until("their connections are gone", lambda: clients.backends() == before)


def test_a_transaction_pooler_is_refused_with_the_reason(stack: Stack, clients: Clients, tmp_path: Path) -> None:
    with TransactionPooler(stack.worker_db_url) as pooler:
        worker = Worker(stack, tmp_path, DATABASE_URL=pooler.url)
        worker.start()
        assert worker.process is not None
        assert worker.process.wait() == 2
        assert "transaction pooler" in worker.log.read_text()


async def test_a_direct_connection_is_not_taken_for_a_pooler(stack: Stack, clients: Clients) -> None:
    assert not await database.is_transaction_pooler(stack.worker_db_url)


def test_once_does_what_is_due_and_says_so(stack: Stack, clients: Clients) -> None:
    settings = {
        "DATABASE_URL": stack.worker_db_url,
        "SUPABASE_URL": stack.api_url,
        "SUPABASE_SERVICE_ROLE_KEY": stack.service_role_key,
    }
    user_id = clients.start()
    clients.await_cap(user_id)
    command = [sys.executable, "-m", "worker", "once", "run-due"]
    done = subprocess.run(command, env=environment(settings), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"did \d+, next deadline .+\n", done.stdout), done.stdout
    assert clients.is_stored(user_id)
