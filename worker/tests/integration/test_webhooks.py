"""Workers as real processes deliver what is queued to real servers, whatever goes wrong on the way."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest

from local_stack.config import Stack
from local_stack.processes import environment, python_module
from worker.tests.integration.webhook_rows import Backend
from worker.tests.integration.webhook_sink import Answer, Sink
from worker.tests.integration.worker_program import Worker, wait_until

SOON_US = 10_000_000  # well under the fallback of 15 s


@pytest.fixture
def backend(stack: Stack) -> Iterator[Backend]:
    with closing(Backend(stack)) as backend:
        yield backend


def delivering(stack: Stack, folder: Path, running: ExitStack, **env: str) -> Worker:
    """A worker that may post to this machine and looks often."""
    often = {"WEBHOOK_ALLOW_PRIVATE_ADDRESSES": "true", "FALLBACK_INTERVAL_SECONDS": "0.2"}
    return Worker(stack, folder, **(often | env)).run(running)


def hourglass(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {
        "DATABASE_URL": stack.worker_db_url,
        "SUPABASE_URL": stack.api_url,
        "SUPABASE_SERVICE_ROLE_KEY": stack.service_role_key,
        "WEBHOOK_ALLOW_PRIVATE_ADDRESSES": "true",
    }
    command = python_module(["worker", "webhooks", *arguments])
    return subprocess.run(command, env=environment(env), capture_output=True, text=True, check=False)


def test_a_purchase_is_told_at_once_and_signed(
    stack: Stack, backend: Backend, running: ExitStack, tmp_path: Path
) -> None:
    sink = running.enter_context(Sink())
    endpoint = backend.endpoint(sink.url)
    worker = delivering(stack, tmp_path, running, FALLBACK_INTERVAL_SECONDS="15")
    worker.hear_all("leader.gained", "realtime.joined")
    (notification_id,) = backend.sell()
    (message,) = sink.await_messages(1)
    told = message.verified(endpoint.secret)
    assert message.id == notification_id
    assert (told["type"], told["data"]["user_id"]) == ("purchase_completed", backend.customers[0])
    assert message.headers["content-type"] == "application/json"
    (row,) = backend.await_all(endpoint, status="delivered")
    assert (row["try_count"], row["last_status"], row["last_error"]) == (1, 204, None)
    assert row["delivered_at"] is not None
    assert row["delivered_at"] - row["queued_at"] < SOON_US, "a hint was heard"


def test_each_try_has_the_same_id_and_body_until_the_eighth(
    stack: Stack, backend: Backend, running: ExitStack, tmp_path: Path
) -> None:
    sink = running.enter_context(Sink(*(Answer(500 + number) for number in range(8)), Answer(200)))
    endpoint = backend.endpoint(sink.url)
    delivering(stack, tmp_path, running)
    (notification_id,) = backend.sell()
    for number in range(7):
        backend.await_all(endpoint, last_error=f"answered {500 + number}", status="pending")
        backend.hasten(endpoint)
    (row,) = backend.await_all(endpoint, status="dead")
    assert (row["try_count"], row["last_error"]) == (8, "answered 507")
    listed = hourglass(stack, "list")
    assert listed.returncode == 0, listed.stderr
    (line,) = [line for line in listed.stdout.splitlines() if line.startswith(str(endpoint.id))]
    assert line.split()[1:4] == ["yes", "0", "1"]
    assert endpoint.secret not in listed.stdout + listed.stderr
    # when somebody has mended the receiver
    replayed = hourglass(stack, "replay", "--endpoint", str(endpoint.id))
    assert (replayed.returncode, replayed.stdout.splitlines()[-1]) == (0, "queued 1"), replayed.stderr
    messages = sink.await_messages(9)
    assert {message.id for message in messages} == {notification_id}
    assert len({message.body for message in messages}) == 1
    for message in messages:
        message.verified(endpoint.secret)
    backend.await_all(endpoint, status="delivered")


@pytest.mark.parametrize(
    "headers",
    [
        {"retry-after": "1000"},
        {"retry-after": "Mon, 01 Jan 2001 00:16:40 GMT", "date": "Mon, 01 Jan 2001 00:00:00 GMT"},
    ],
)
def test_who_asks_for_time_gets_it(
    stack: Stack, backend: Backend, running: ExitStack, tmp_path: Path, headers: dict[str, str]
) -> None:
    sink = running.enter_context(Sink(Answer(503, headers)))
    endpoint = backend.endpoint(sink.url)
    delivering(stack, tmp_path, running)
    backend.sell()
    (row,) = backend.await_all(endpoint, last_status=503)
    assert 900_000_000 < row["wait_us"] <= 1_000_000_000


def test_one_that_does_not_answer_delays_nobody(
    stack: Stack, backend: Backend, running: ExitStack, tmp_path: Path
) -> None:
    slow, quick = running.enter_context(Sink()), running.enter_context(Sink())
    of_slow, of_quick = backend.endpoint(slow.url), backend.endpoint(quick.url)
    slow.shut()
    delivering(stack, tmp_path, running)
    ids = backend.sell(300)
    quick.await_messages(300)
    backend.await_all(of_quick, status="delivered", try_count=1)
    assert len(slow.received) <= 16, "more than one endpoint may have at once"
    assert all(row["status"] == "pending" for row in backend.deliveries(of_slow))
    slow.open()
    backend.await_all(of_slow, status="delivered")
    assert sorted(message.id for message in quick.received) == ids


def test_a_redirect_is_not_followed(stack: Stack, backend: Backend, running: ExitStack, tmp_path: Path) -> None:
    target = running.enter_context(Sink())
    sink = running.enter_context(Sink(Answer(307, {"location": target.url})))
    endpoint = backend.endpoint(sink.url)
    delivering(stack, tmp_path, running)
    backend.sell()
    (row,) = backend.await_all(endpoint, last_status=307)
    assert (row["status"], row["last_error"]) == ("pending", "redirects are not followed")
    assert target.connection_count == 0


def test_private_addresses_are_refused_by_default(
    stack: Stack, backend: Backend, running: ExitStack, tmp_path: Path
) -> None:
    sink = running.enter_context(Sink())
    endpoints = [
        backend.endpoint(f"http://{host}:{sink.port}/")
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1")
    ]
    delivering(stack, tmp_path, running, WEBHOOK_ALLOW_PRIVATE_ADDRESSES="")
    backend.sell()
    for endpoint in endpoints:
        wait_until("it was tried", lambda e=endpoint: backend.deliveries(e)[0]["last_error"] is not None)  # type: ignore[misc]
        (row,) = backend.deliveries(endpoint)
        assert row["last_error"].startswith("AddressRefusedError")
    assert sink.connection_count == 0


def test_two_workers_deliver_each_once(stack: Stack, backend: Backend, running: ExitStack, tmp_path: Path) -> None:
    sink = running.enter_context(Sink())
    endpoint = backend.endpoint(sink.url)
    ids = backend.sell(400)
    for _ in range(2):
        delivering(stack, tmp_path, running)
    backend.await_all(endpoint, status="delivered", try_count=1)
    assert sorted(message.id for message in sink.received) == ids


def test_a_worker_that_is_killed_loses_nothing(
    stack: Stack, backend: Backend, running: ExitStack, tmp_path: Path
) -> None:
    sink = running.enter_context(Sink())
    endpoint = backend.endpoint(sink.url)
    sink.shut()
    worker = delivering(stack, tmp_path, running)
    ids = backend.sell(40)
    cut_off = {message.id for message in sink.await_messages(16)}
    worker.stop(signal.SIGKILL)
    sink.open()
    # the leases of the lost ones are over
    backend.hasten(endpoint)
    delivering(stack, tmp_path, running)
    backend.await_all(endpoint, status="delivered")
    times = Counter(message.id for message in sink.received)
    assert sorted(times) == ids
    assert {message_id for message_id, count in times.items() if count == 2} == cut_off
    assert max(times.values()) == 2


def test_a_stop_waits_for_what_is_being_posted(
    stack: Stack, backend: Backend, running: ExitStack, tmp_path: Path
) -> None:
    sink = running.enter_context(Sink())
    endpoint = backend.endpoint(sink.url)
    sink.shut()
    worker = delivering(stack, tmp_path, running)
    backend.sell()
    sink.await_messages(1)
    assert worker.process is not None
    os.kill(worker.process.pid, signal.SIGTERM)
    worker.hear("service.stopping")
    sink.open()
    worker.hear("service.stopped")
    assert [row["status"] for row in backend.deliveries(endpoint)] == ["delivered"]


def test_somebody_is_erased_while_they_are_told_of(
    stack: Stack, backend: Backend, running: ExitStack, tmp_path: Path
) -> None:
    sink = running.enter_context(Sink())
    endpoint = backend.endpoint(sink.url)
    sink.shut()
    worker = delivering(stack, tmp_path, running)
    backend.sell()
    sink.await_messages(1)
    backend.erase(backend.customers[0])
    sink.open()
    (other,) = backend.sell()
    (row,) = backend.await_all(endpoint, status="delivered")
    assert str(row["notification_id"]) == other
    assert "sweep.failed" not in worker.log.read_text()


def test_a_connection_that_is_lost_meanwhile(
    stack: Stack, backend: Backend, running: ExitStack, tmp_path: Path
) -> None:
    sink = running.enter_context(Sink())
    endpoint = backend.endpoint(sink.url)
    sink.shut()
    worker = delivering(stack, tmp_path, running)
    ids = backend.sell(5)
    sink.await_messages(5)
    with psycopg.connect(stack.admin_db_url) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'hourglass-worker'"
        )
    worker.hear("database.lost", connection="webhooks")
    sink.open()
    backend.await_all(endpoint, status="delivered", try_count=1)
    assert sorted(message.id for message in sink.received) == ids


def test_nobody_waits_in_a_circle(stack: Stack, backend: Backend, running: ExitStack, tmp_path: Path) -> None:
    sink = running.enter_context(Sink(*(Answer(status) for status in (204, 410, 500) * 2000)))
    workers = [delivering(stack, tmp_path, running) for _ in range(2)]
    kept = backend.endpoint(sink.url)
    backend.sell()
    sink.await_messages(1)
    for _ in range(15):
        other = backend.endpoint(sink.url)
        backend.sell(20)
        backend.hasten(kept)
        for customer in backend.customers[::2]:
            backend.erase(customer)
        backend.customers = backend.customers[1::2]
        backend.replay()
        backend.remove(other)
    for worker in workers:
        assert worker.stop() == 0
        assert [event for event in worker.said() if event["event"] == "sweep.failed"] == []


def test_an_endpoint_is_tested_by_hand(stack: Stack, backend: Backend, running: ExitStack) -> None:
    sink = running.enter_context(Sink(Answer(200), Answer(400)))
    endpoint = backend.endpoint(sink.url)
    tested = hourglass(stack, "test", str(endpoint.id))
    assert (tested.returncode, tested.stdout.strip()) == (0, "answered 200"), tested.stderr
    assert sink.received[0].verified(endpoint.secret)["type"] == "test"
    refused = hourglass(stack, "test", str(endpoint.id))
    assert (refused.returncode, "answered 400" in refused.stderr) == (1, True)
    unknown = hourglass(stack, "test", "00000000-0000-0000-0000-000000000000")
    assert (unknown.returncode, "no such webhook" in unknown.stderr) == (1, True)
    assert backend.deliveries(endpoint) == []
