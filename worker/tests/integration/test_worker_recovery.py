"""Whatever fails, the worker comes back by itself, says so, and meanwhile the sweeps go on or resume."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from local_stack import testing
from local_stack.config import Stack
from local_stack.testing import TemporaryStack
from worker.tests.integration.worker_program import Clients, Worker
from worker.tests.integration.worker_wire import Wire

FALLBACK_S = 15
SOON = timedelta(seconds=5)  # well under the fallback: a hint was heard
IN_TIME = timedelta(seconds=FALLBACK_S)


@pytest.fixture(scope="module")
def own_stack() -> Iterator[TemporaryStack]:
    """One whose servers a test may stop."""
    with testing.temporary_stack() as stack:
        yield stack


def test_backends_that_are_terminated(stack: Stack, clients: Clients, running: ExitStack, tmp_path: Path) -> None:
    worker = Worker(stack, tmp_path).run(running)
    worker.hear_all("leader.gained", "realtime.joined")
    with psycopg.connect(stack.admin_db_url) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'hourglass-worker'"
        )
    worker.hear("leader.lost")
    worker.hear("leader.gained")
    assert clients.lateness(clients.start()) < IN_TIME


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_postgres_that_restarts(
    own_stack: TemporaryStack, running: ExitStack, tmp_path: Path, how: signal.Signals
) -> None:
    worker = Worker(own_stack, tmp_path).run(running)
    worker.hear_all("leader.gained", "realtime.joined")
    own_stack.cluster.stop(how)
    worker.hear("leader.lost")
    own_stack.cluster.start()
    worker.hear_all("leader.gained", "realtime.joined")
    with closing(Clients(own_stack)) as clients:
        assert clients.lateness(clients.start()) < IN_TIME


def test_a_database_that_goes_deaf(stack: Stack, clients: Clients, running: ExitStack, tmp_path: Path) -> None:
    wire = running.enter_context(Wire(stack.worker_db_url))
    worker = Worker(stack, tmp_path, DATABASE_URL=wire.url).run(running)
    worker.hear_all("leader.gained", "realtime.joined")
    wire.deafen()
    worker.hear("leader.lost")
    wire.mend()
    worker.hear("leader.gained")
    assert clients.lateness(clients.start()) < IN_TIME


def test_realtime_that_stops_and_starts(own_stack: TemporaryStack, running: ExitStack, tmp_path: Path) -> None:
    worker = Worker(own_stack, tmp_path).run(running)
    worker.hear_all("leader.gained", "realtime.joined")
    clients = running.enter_context(closing(Clients(own_stack)))
    own_stack.api.stop()
    worker.hear("realtime.lost")
    assert clients.lateness(clients.start()) < IN_TIME
    own_stack.api.start()
    worker.hear("realtime.joined")
    assert clients.lateness(clients.start()) < SOON


def test_realtime_that_crashes(own_stack: TemporaryStack, running: ExitStack, tmp_path: Path) -> None:
    worker = Worker(own_stack, tmp_path).run(running)
    worker.hear_all("leader.gained", "realtime.joined")
    own_stack.api.stop(signal.SIGKILL)
    worker.hear("realtime.lost")
    own_stack.api.start()
    worker.hear("realtime.joined")


def test_a_socket_that_goes_deaf(stack: Stack, clients: Clients, running: ExitStack, tmp_path: Path) -> None:
    wire = running.enter_context(Wire(stack.api_url))
    worker = Worker(stack, tmp_path, SUPABASE_URL=wire.url).run(running)
    worker.hear_all("leader.gained", "realtime.joined")
    wire.deafen()
    assert clients.lateness(clients.start()) < IN_TIME
    worker.hear("realtime.lost", reason="no echo")
    wire.mend()
    worker.hear("realtime.joined")
    assert clients.lateness(clients.start()) < SOON


def test_a_token_that_expires(stack: Stack, clients: Clients, running: ExitStack, tmp_path: Path) -> None:
    key = stack.sign({"iss": "supabase-demo", "role": "service_role"}, valid_s=5)
    settings = {"SUPABASE_SERVICE_ROLE_KEY": key, "FALLBACK_INTERVAL_SECONDS": "3"}
    worker = Worker(stack, tmp_path, **settings).run(running)
    worker.hear_all("leader.gained", "realtime.joined")
    worker.hear("realtime.lost", reason="expired")
    worker.hear("realtime.unreachable")
    assert clients.lateness(clients.start()) < IN_TIME
    assert key not in worker.log.read_text()


def test_a_key_that_may_not_join(stack: Stack, clients: Clients, running: ExitStack, tmp_path: Path) -> None:
    settings = {"SUPABASE_SERVICE_ROLE_KEY": stack.anon_key, "FALLBACK_INTERVAL_SECONDS": "3"}
    worker = Worker(stack, tmp_path, **settings).run(running)
    worker.hear("leader.gained")
    worker.hear("realtime.unreachable", reason="You do not have permissions")
    assert clients.lateness(clients.start()) < IN_TIME


def test_a_database_that_comes_after_the_worker(
    stack: Stack, clients: Clients, running: ExitStack, tmp_path: Path
) -> None:
    wire = running.enter_context(Wire(stack.worker_db_url))
    wire.cut()
    worker = Worker(stack, tmp_path, DATABASE_URL=wire.url).run(running)
    worker.hear("database.unreachable")
    wire.mend()
    worker.hear("leader.gained")
    assert clients.lateness(clients.start()) < IN_TIME


def test_a_password_that_is_wrong(stack: Stack, running: ExitStack, tmp_path: Path) -> None:
    url = stack.database_url("hourglass_worker", "not-the-password")
    worker = Worker(stack, tmp_path, DATABASE_URL=url).run(running)
    worker.hear("database.unreachable", reason="password authentication failed")
    assert worker.stop() == 0
    assert "not-the-password" not in worker.log.read_text()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_nobody_answers(stack: Stack, running: ExitStack, tmp_path: Path, how: signal.Signals) -> None:
    database, api = running.enter_context(Wire(stack.worker_db_url)), running.enter_context(Wire(stack.api_url))
    worker = Worker(stack, tmp_path, DATABASE_URL=database.url, SUPABASE_URL=api.url).run(running)
    worker.hear_all("leader.gained", "realtime.joined")
    database.deafen()
    api.deafen()
    assert worker.stop(how) == 0
    worker.hear("service.stopped")
