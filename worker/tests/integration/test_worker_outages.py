"""Whatever is away for a while, with everybody at work: nothing is lost, and nothing is done twice."""

import asyncio
import functools
import json
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import Self

import psycopg
import pytest

from local_stack import testing
from local_stack.processes import environment, python_module
from local_stack.testing import TemporaryStack
from worker.tests.integration import fault_world, usage_sums
from worker.tests.integration.fault_load import Load
from worker.tests.integration.metered_calls import Person, fetch
from worker.tests.integration.stream_reader import Reader, Web
from worker.tests.integration.webhook_rows import Backend
from worker.tests.integration.webhook_sink import Sink
from worker.tests.integration.worker_program import Clients, Worker, wait_until

WORKER = {"WEBHOOK_ALLOW_PRIVATE_ADDRESSES": "true", "FALLBACK_INTERVAL_SECONDS": "1"}
IN_TIME = timedelta(seconds=15)
RESEND_S = 0.5
SOME = 20
CHARGES = """select count(*) as n, sum(credits)::integer as credits from public.usage_logs where user_id = %s"""
ROLLED_UP = "select requests as n from public.account_usage where user_id = %s"
TOLD = "select id from public.notifications where kind = 'purchase_completed' and user_id = any(%s)"
# Everybody has one session, that was capped, charged and told once.
WRONG_SESSIONS = """
    select u.user_id, s.statuses, s.active_time, t.used, e.count as events, n.count as notifications
    from unnest(%s::text[]) as u (user_id)
    left join lateral (
      select array_agg(status) as statuses, sum(active_time) as active_time
      from public.usage_sessions where user_id = u.user_id
    ) as s on true
    left join lateral (select sum(used) as used from public.usage_totals where user_id = u.user_id) as t on true
    left join lateral (
      select count(*) from realtime.messages where topic = 'user:' || u.user_id and event = 'session:closed'
    ) as e on true
    left join lateral (
      select count(*) from public.notifications where user_id = u.user_id and kind = 'usage_capped'
    ) as n on true
    where (s.statuses, s.active_time, t.used, e.count, n.count)
      is distinct from ('{capped}'::text[], interval '1 second', interval '1 second', 1, 1)"""
DROP_PARTITIONS = """do $$
    declare v_partition regclass;
    begin
      for v_partition in select inhrelid from pg_inherits where inhparent = 'realtime.messages'::regclass loop
        execute format('drop table %s', v_partition);
      end loop;
    end $$"""
MAKE_PARTITIONS = "select _realtime.maintain_message_partitions()"
LIVE = "select from public.usage_sessions where user_id = any(%s) and ended_at is null"


class Ear:
    """Reads a stream all the time, as its user would, and knows what came lately."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._heard: set[str] = set()
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    async def hears(self, name: str) -> None:
        """Waits until such an event has come; fails when the stream is over."""
        while name not in self._heard:
            self._news.clear()
            news = asyncio.ensure_future(self._news.wait())
            await asyncio.wait({news, self._task}, return_when=asyncio.FIRST_COMPLETED)
            news.cancel()
            if self._task.done():
                self._task.result()

    def forget(self) -> None:
        self._heard.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _read(self) -> None:
        while True:
            self._heard.add((await self._reader.next()).name)
            self._news.set()


@pytest.fixture(scope="module")
def own_stack() -> Iterator[TemporaryStack]:
    """One whose servers a test may stop."""
    with testing.temporary_stack() as stack:
        with fault_world.world_of(stack):
            pass
        yield stack


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
async def test_postgres_restarts_while_everybody_is_at_work(
    own_stack: TemporaryStack, running: ExitStack, tmp_path: Path, how: signal.Signals
) -> None:
    sink = running.enter_context(Sink())
    web = Web.run(own_stack, tmp_path, running, **WORKER)
    other = Worker(own_stack, tmp_path, **WORKER).run(running)
    web.worker.hear("realtime.joined")
    other.hear_all("leader.waiting", "realtime.joined")
    before = Backend(own_stack)
    endpoint = before.endpoint(sink.url)
    before.connection.close()
    with Load(own_stack) as load:
        async with web.joined(load.charged) as reader, Ear(reader) as ear:
            await ear.hears("credits:changed")
            await asyncio.to_thread(wait_until, "all are at work", lambda: load.has_done(SOME))
            await asyncio.to_thread(sink.await_messages, SOME)
            await asyncio.to_thread(own_stack.cluster.stop, how)
            await asyncio.to_thread(wait_until, "nobody is ready", lambda: not web.is_ready())
            await asyncio.to_thread(own_stack.cluster.start)
            # Of a real project Realtime, unlike the local one, delivers nothing until somebody joins anew.
            await asyncio.to_thread(web.worker.hear, "realtime.joined")
            count = len(load.keys) + SOME
            await asyncio.to_thread(wait_until, "all are at work again", lambda: load.has_done(count))
            ear.forget()
            await ear.hears("credits:changed")
    with closing(Backend(own_stack)) as backend:
        check = functools.partial(fetch, backend.connection)
        assert check(CHARGES, load.charged) == [{"n": len(load.keys), "credits": len(load.keys)}]
        wait_until("usage is rolled up", lambda: check(ROLLED_UP, load.charged) == [{"n": len(load.keys)}])
        assert usage_sums.wrong(backend.connection, load.charged) == []
        wait_until("all sessions are ended", lambda: not check(LIVE, load.metered))
        assert check(WRONG_SESSIONS, load.metered) == []
        # what a worker had claimed whose answer was lost
        backend.hasten(endpoint)
        backend.await_all(endpoint, status="delivered")
        ids = {row["id"] for row in check(TOLD, load.customers)}
        assert len(ids) == len(load.customers)
        assert {message.id for message in sink.received} == ids
        assert len({(message.id, message.body) for message in sink.received}) == len(ids)
    assert load.failure_count >= 3, "each client was at work when the connection was lost"


async def test_realtime_is_away(own_stack: TemporaryStack, running: ExitStack, tmp_path: Path) -> None:
    """Until coming back has failed more than once: from then on a minute is like a moment."""
    sink = running.enter_context(Sink())
    web = Web.run(own_stack, tmp_path, running, **WORKER)
    clients = running.enter_context(closing(Clients(own_stack)))
    backend = running.enter_context(closing(Backend(own_stack)))
    endpoint = backend.endpoint(sink.url)
    user_id = f"ada-{uuid.uuid4()}"
    ada = Person(backend.connection, user_id)
    session = ada.call("start_usage_session").row
    assert session is not None
    async with web.joined(user_id) as reader:
        own_stack.api.stop()
        for event in ("realtime.lost", "realtime.unreachable", "realtime.unreachable"):
            web.worker.hear(event)
        users = [clients.start() for _ in range(SOME)]
        assert max(map(clients.lateness, users)) < IN_TIME
        ids = backend.sell(SOME)
        backend.await_all(endpoint, status="delivered", try_count=1)
        assert sorted(message.id for message in sink.received) == ids
        assert ada.call("stop_usage_session", session_id=session["session_id"]).sqlstate is None
        own_stack.api.start()
        while (await reader.next("session:state")).data["status"] != "closed":
            pass
        heard = asyncio.create_task(reader.next("session:created"))
        while not heard.done():
            again = ada.call("start_usage_session").row
            assert again is not None
            await asyncio.wait({heard}, timeout=RESEND_S)
            ada.call("stop_usage_session", session_id=again["session_id"])
        assert heard.result().data["state"]["status"] == "active"


def test_realtime_has_no_partition_for_today(own_stack: TemporaryStack, running: ExitStack, tmp_path: Path) -> None:
    sink = running.enter_context(Sink())
    worker = Worker(own_stack, tmp_path, **WORKER).run(running)
    worker.hear_all("leader.gained", "realtime.joined")
    clients = running.enter_context(closing(Clients(own_stack)))
    backend = running.enter_context(closing(Backend(own_stack)))
    endpoint = backend.endpoint(sink.url)
    with psycopg.connect(own_stack.admin_db_url, autocommit=True) as admin:
        running.callback(make_partitions, own_stack)
        admin.execute(DROP_PARTITIONS)
        user_id = clients.start()
        assert clients.lateness(user_id) < IN_TIME
        ids = backend.sell(SOME)
        backend.await_all(endpoint, status="delivered", try_count=1)
        assert sorted(message.id for message in sink.received) == ids
        (row,) = fetch(backend.connection, WRONG_SESSIONS, [user_id])
        assert (row["statuses"], row["events"], row["notifications"]) == (["capped"], 0, 1)
        assert "realtime_partition" in wrong_checks(own_stack)
        late = Worker(own_stack, tmp_path, **WORKER).run(running)
        late.hear("realtime.unreachable", reason="messages partition")
        admin.execute(MAKE_PARTITIONS)
    late.hear("realtime.joined")
    assert "realtime_partition" not in wrong_checks(own_stack)
    user_id = clients.start()
    assert clients.lateness(user_id) < IN_TIME
    assert fetch(backend.connection, WRONG_SESSIONS, [user_id]) == []


def wrong_checks(stack: TemporaryStack) -> set[str]:
    """What `hourglass health` says is not well."""
    env = {
        "DATABASE_URL": stack.worker_db_url,
        "SUPABASE_URL": stack.api_url,
        "SUPABASE_SERVICE_ROLE_KEY": stack.service_role_key,
    }
    command = python_module(["worker", "health", "--json"])
    told = subprocess.run(command, env=environment(env), capture_output=True, text=True, check=False)
    report = json.loads(told.stdout)
    wrong = {check["name"] for check in report["checks"] if not check["ok"]}
    assert told.returncode == int(bool(wrong))
    return wrong


def make_partitions(stack: TemporaryStack) -> None:
    with psycopg.connect(stack.admin_db_url, autocommit=True) as admin:
        admin.execute(MAKE_PARTITIONS)
