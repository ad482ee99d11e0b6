"""What the worker answers to operators, and where it listens."""

import resource
import signal
import socket
from contextlib import ExitStack
from pathlib import Path

import httpx
import psycopg
import pytest

from local_stack.config import Stack
from worker.tests.integration.stream_reader import Web
from worker.tests.integration.worker_program import Clients, Worker, wait_until
from worker.tests.integration.worker_wire import Wire


def test_says_that_it_lives_and_works(stack: Stack, running: ExitStack, tmp_path: Path) -> None:
    web = Web.run(stack, tmp_path, running)
    assert httpx.get(f"{web.url}/healthz").json() == {"status": "ok"}
    web.worker.hear("leader.gained")
    ready = {"database": "up", "realtime": "joined", "leader": True}
    assert httpx.get(f"{web.url}/readyz").json() == ready
    other = Web.run(stack, tmp_path, running)
    assert httpx.get(f"{other.url}/readyz").json() == ready | {"leader": False}
    assert httpx.get(f"{web.url}/elsewhere").status_code == 404
    assert httpx.get(f"{web.url}/usage/stream").status_code == 401
    assert httpx.get(f"{web.url}/usage/stream/?access_token=secret").status_code == 404, "it goes nowhere else"
    assert web.metric('hourglass_http_answer_seconds_count{route="/usage/stream",status="401"}') == 1
    assert web.metric('hourglass_http_answer_seconds_count{route="other",status="404"}') == 2


def test_serves_the_console_with_what_it_has_to_know(stack: Stack, running: ExitStack, tmp_path: Path) -> None:
    web = Web.run(stack, tmp_path, running)
    known = {"supabaseUrl": stack.api_url, "anonKey": stack.anon_key}
    assert httpx.get(f"{web.url}/config.json").json() == known
    page = httpx.get(f"{web.url}/")
    assert page.status_code in {200, 503}  # built here or not
    assert f"connect-src 'self' {stack.api_url} " in page.headers["content-security-policy"]


def test_is_not_ready_without_the_database(stack: Stack, running: ExitStack, tmp_path: Path) -> None:
    wire = running.enter_context(Wire(stack.worker_db_url))
    web = Web.run(stack, tmp_path, running, DATABASE_URL=wire.url)
    wire.cut()
    answer = httpx.get(f"{web.url}/readyz")
    assert (answer.status_code, answer.json()["database"]) == (503, "down")
    assert httpx.get(f"{web.url}/healthz").is_success
    assert web.metric("hourglass_database_up") == 0
    wire.mend()
    wait_until("the worker is ready again", web.is_ready)
    assert web.metric("hourglass_database_up") == 1


def test_is_ready_without_realtime_and_says_so(stack: Stack, running: ExitStack, tmp_path: Path) -> None:
    wire = running.enter_context(Wire(stack.api_url))
    web = Web.run(stack, tmp_path, running, SUPABASE_URL=wire.url)
    wire.cut()
    web.worker.hear("realtime.lost")
    answer = httpx.get(f"{web.url}/readyz")
    assert (answer.status_code, answer.json()["realtime"]) == (200, "away")
    assert web.metric("hourglass_realtime_up") == 0
    assert web.metric('hourglass_realtime_losses_total{channel="worker"}') == 1
    refused = httpx.get(f"{web.url}/usage/stream", params={"access_token": web.token("ada")})
    assert (refused.status_code, refused.json()["message"]) == (503, "unavailable")


def test_counts_what_it_does(stack: Stack, clients: Clients, running: ExitStack, tmp_path: Path) -> None:
    web = Web.run(stack, tmp_path, running)
    web.worker.hear("leader.gained")
    before = web.metric("hourglass_sweeps_done_total")
    clients.lateness(clients.start())
    wait_until("the sweep is counted", lambda: web.metric("hourglass_sweeps_done_total") > before)
    assert web.metric("hourglass_leader") == 1
    assert web.metric("hourglass_sweeps_total") >= 1
    assert web.metric("hourglass_sweep_duration_seconds_count") == web.metric("hourglass_sweeps_total")
    assert web.metric("hourglass_sweep_failures_total") == 0
    assert web.metric('hourglass_http_answer_seconds_count{route="/metrics",status="200"}') >= 1


def test_a_deadline_that_nobody_keeps_shows(stack: Stack, clients: Clients, running: ExitStack, tmp_path: Path) -> None:
    web = Web.run(stack, tmp_path, running)
    web.worker.hear("leader.gained")
    sweeps = web.metric("hourglass_sweeps_total")
    with psycopg.connect(stack.db_url) as connection:
        user_id = clients.start()
        wait_until("the worker knows the deadline", lambda: web.metric("hourglass_sweeps_total") > sweeps)
        connection.execute("select from public.accounts where user_id = %s for update", [user_id])
        clients.await_cap(user_id)
        wait_until("the deadline is late", lambda: web.metric("hourglass_deadline_lag_seconds") > 0)
    clients.lateness(user_id)
    wait_until("nothing is late", lambda: web.metric("hourglass_deadline_lag_seconds") == 0)


def test_listens_nowhere_when_told_so(stack: Stack, running: ExitStack, tmp_path: Path) -> None:
    worker = Worker(stack, tmp_path, HTTP_PORT="0").run(running)
    worker.hear_all("leader.gained", "realtime.joined")
    assert worker.stop() == 0


def test_takes_as_many_files_as_it_may_whether_it_listens_or_not(
    stack: Stack, running: ExitStack, tmp_path: Path
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, hard - 1), hard))
    running.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
    worker = Worker(stack, tmp_path, HTTP_PORT="0").run(running)
    worker.hear("leader.gained")
    assert worker.process is not None
    assert resource.prlimit(worker.process.pid, resource.RLIMIT_NOFILE) == (hard, hard)


def test_an_address_that_is_taken_is_named(stack: Stack, running: ExitStack, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        worker = Worker(stack, tmp_path, HTTP_PORT=str(taken.getsockname()[1])).run(running)
        assert worker.process is not None
        assert worker.process.wait() == 1
    assert "HTTP_PORT" in worker.log.read_text()


def test_without_the_public_key_there_are_no_streams(stack: Stack, running: ExitStack, tmp_path: Path) -> None:
    web = Web.run(stack, tmp_path, running, SUPABASE_ANON_KEY="")
    answer = httpx.get(f"{web.url}/usage/stream", params={"access_token": web.token("ada")})
    assert answer.status_code == 404


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_stops_at_a_signal(stack: Stack, running: ExitStack, tmp_path: Path, how: signal.Signals) -> None:
    web = Web.run(stack, tmp_path, running)
    assert web.worker.stop(how) == 0
    web.worker.hear("service.stopped")


def test_tells_what_waits_in_the_outbox(stack: Stack, clients: Clients, running: ExitStack, tmp_path: Path) -> None:
    web = Web.run(stack, tmp_path, running)
    with psycopg.connect(stack.db_url, autocommit=True) as connection, socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"  # refused, as an address that is private: it waits
        row = connection.execute(
            "insert into public.webhook_endpoints (url) values (%s) returning id", [url]
        ).fetchone()
        try:
            clients.lateness(clients.start())
            wait_until("the outbox is told of", lambda: web.metric("hourglass_outbox_pending") > 0)
            assert web.metric("hourglass_outbox_age_seconds") > 0
            assert web.metric("hourglass_outbox_dead") == 0
        finally:
            connection.execute("delete from public.webhook_endpoints where id = %s", row)
    wait_until("nothing waits", lambda: web.metric("hourglass_outbox_pending") == 0)


def test_is_ready_whatever_becomes_of_the_outbox(stack: Stack, running: ExitStack, tmp_path: Path) -> None:
    web = Web.run(stack, tmp_path, running)
    with psycopg.connect(stack.db_url) as connection:
        connection.execute("lock table private.webhook_deliveries in access exclusive mode")
        assert httpx.get(f"{web.url}/readyz").status_code == 200
