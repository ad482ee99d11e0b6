"""A database in which much is due at once, and moments in the middle of a transaction at which something fails."""

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from local_stack.config import Stack
from local_stack.processes import environment, python_module
from worker.tests.integration.metered_calls import connect, fetch
from worker.tests.integration.worker_program import Event, wait_until

PLANS = """insert into public.plans (id, name, limit_seconds)
    values ('capped', 'capped', 1), ('expired', 'expired', null) on conflict (id) do nothing"""
ACCOUNTS = """insert into public.accounts (user_id, plan_id)
    select %(people)s || n, case when n %% 2 = 0 then 'capped' else 'expired' end
    from generate_series(1, %(count)s) as n"""
START = """select set_config('request.jwt.claims', json_build_object('sub', %(people)s || n)::text, true),
    public.start_usage_session() from generate_series(1, %(count)s) as n"""
DUE = """select from public.usage_sessions
    where user_id like %s || '%%' and least(expires_at, cap_at) > clock_timestamp()"""
# Of so many sessions that are due, the one that a sweep comes to in the middle.
MIDDLE = """select user_id, id from public.usage_sessions where user_id like %(people)s || '%%'
    order by least(expires_at, cap_at, warn_at) offset %(count)s / 2 limit 1"""
# What the sweep tells of that session waits until this transaction is over.
IN_THE_WAY = """insert into public.notifications (user_id, kind, dedupe_key, payload, created_at, kept_until)
    select a.user_id, told.kind, concat_ws(':', told.kind, a.user_id, %(session_id)s::text), '{}', now(), now()
    from public.accounts as a
    cross join lateral (
      select case a.plan_id when 'capped' then 'usage_capped' else 'session_expired' end as kind
    ) as told
    where a.user_id = %(user_id)s"""
ENDED = "select from public.usage_sessions where user_id like %s || '%%' and ended_at is not null"
# Everybody's own story: what is stored, what they heard, what everybody else is told.
STORIES = """
    with heard as (
      select topic, array_agg(event order by (payload ->> 'version')::bigint, event) as events,
        max((payload ->> 'version')::bigint) as version
      from realtime.messages where topic like 'user:' || %(people)s || '%%' group by topic
    ),
    told as (
      select user_id, array_agg(
          concat_ws(' ', kind, payload ->> 'percent') order by kind, (payload ->> 'percent')::integer
        ) as kinds
      from public.notifications where user_id like %(people)s || '%%' group by user_id
    ),
    lived as (
      select user_id, array_agg(status) as statuses, sum(active_time) as active_time
      from public.usage_sessions where user_id like %(people)s || '%%' group by user_id
    ),
    counted as (
      select user_id, sum(used) as used from public.usage_totals where user_id like %(people)s || '%%' group by user_id
    )
    select a.plan_id, l.statuses, h.events, t.kinds, h.version = a.version as is_newest,
      (l.active_time, c.used) = (interval '1 second', interval '1 second') as is_counted, count(*) as people
    from public.accounts as a
    left join lived as l on l.user_id = a.user_id
    left join heard as h on h.topic = 'user:' || a.user_id
    left join told as t on t.user_id = a.user_id
    left join counted as c on c.user_id = a.user_id
    where a.user_id like %(people)s || '%%'
    group by 1, 2, 3, 4, 5, 6
    order by 1"""
LOGS = """insert into public.usage_logs
    (id, user_id, kind, prompt_tokens, completion_tokens, credits, metadata, created_at)
    select gen_random_uuid(), %(people)s || 1 + n %% 20, 'completion', n, 1, 0.1, '{}', now() - n * interval '1 minute'
    from generate_series(1, %(count)s) as n"""
COUNTED = "select sum(requests) as n from public.account_usage where user_id like %s || '%%'"
TRACKED = """insert into public.user_sessions
    (user_id, session_start, last_seen_at, session_end, duration_seconds, end_token)
    select %(people)s || n, at, at + '1 second', at + '1 second', 1, null
    from generate_series(1, %(count)s) as n
    cross join (select now() - interval '2 days' as at) as t
    cross join generate_series(1, 2)"""
DAYS = """select user_id, day, session_count, total_time from public.session_daily
    where user_id like %s || '%%' order by 1, 2"""
DAYS_OF_ROWS = """select user_id, (session_start at time zone 'UTC')::date as day, count(*) as session_count,
      sum(session_end - session_start) as total_time
    from public.user_sessions where user_id like %s || '%%' group by 1, 2 order by 1, 2"""
WAITING = """select pid from pg_stat_activity
    where application_name = 'hourglass-worker' and wait_event_type = 'Lock' and query like %s"""
WORKING = "select from pg_stat_activity where pid = %s and state <> 'idle'"


@dataclass(frozen=True)
class World:
    """What the tests act on: a stack of their own, whose pg_cron leaves all work to the workers."""

    stack: Stack
    connection: Connection[Event]

    def start_sessions(self, count: int) -> str:
        """So many, which reach their cap or expire a second later, and waits for that; the beginning of the ids."""
        people = f"due-{uuid.uuid4()}-"
        self._make(people, count)
        with self._ttl("1 second"), self.connection.transaction():
            self.connection.execute(START, {"people": people, "count": count})
        wait_until("all are due", lambda: not self.connection.execute(DUE, [people]).rowcount)
        return people

    def log_usage(self, count: int) -> str:
        """So much usage of some people, none of it counted yet; the beginning of their ids."""
        people = f"counted-{uuid.uuid4()}-"
        self._make(people, 20)
        self.connection.execute(LOGS, {"people": people, "count": count})
        return people

    def track_sessions(self, count: int) -> str:
        """Two sessions each of so many people, on a day that is over; the beginning of their ids."""
        people = f"tracked-{uuid.uuid4()}-"
        self._make(people, count)
        self.connection.execute(TRACKED, {"people": people, "count": count})
        return people

    @contextmanager
    def stopped_halfway(self, people: str, count: int) -> Iterator[None]:
        """A sweep of these comes as far as the middle of them, and waits there until this is over."""
        (middle,) = self.connection.execute(MIDDLE, {"people": people, "count": count}).fetchall()
        with self.holding(IN_THE_WAY, user_id=middle["user_id"], session_id=middle["id"]):
            yield

    @contextmanager
    def holding(self, statement: str, **given: Any) -> Iterator[None]:
        """What the statement locks, until this is over and it is as if it had never been."""
        with connect(self.stack.admin_db_url) as connection, connection.transaction(force_rollback=True):
            connection.execute(statement.encode(), given)
            yield

    def await_waiting(self, call: str) -> int:
        """Waits until a worker's backend waits for a lock in such a call; which."""
        pids: list[int] = []

        def waits() -> bool:
            pids[:] = [row["pid"] for row in fetch(self.connection, WAITING, f"%{call}%")]
            return bool(pids)

        wait_until(f"{call} waits", waits)
        return pids[0]

    def is_working(self, pid: int) -> bool:
        return bool(self.connection.execute(WORKING, [pid]).rowcount)

    def terminate(self, pid: int) -> None:
        """What the server does with a backend whose client's machine is gone."""
        self.connection.execute("select pg_terminate_backend(%s, 10000)", [pid])

    def ended_count(self, people: str) -> int:
        return self.connection.execute(ENDED, [people]).rowcount

    def counted(self, people: str) -> int:
        """How much of their usage is rolled up."""
        return int(fetch(self.connection, COUNTED, people)[0]["n"])

    def days(self, people: str) -> list[Event]:
        """What their days add up to, as far as it is stored."""
        return fetch(self.connection, DAYS, people)

    def days_of_rows(self, people: str) -> list[Event]:
        """What their days add up to."""
        return fetch(self.connection, DAYS_OF_ROWS, people)

    def begin(self, job: str) -> subprocess.Popen[str]:
        """`hourglass once` with a job of the timetable."""
        env = {
            "DATABASE_URL": self.stack.worker_db_url,
            "SUPABASE_URL": self.stack.api_url,
            "SUPABASE_SERVICE_ROLE_KEY": self.stack.service_role_key,
        }
        command = python_module(["worker", "once", job])
        return subprocess.Popen(
            command, env=environment(env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def stories(self, people: str) -> list[Event]:
        """Everybody's story, and how many have that one."""
        return self.connection.execute(STORIES, {"people": people}).fetchall()

    def _make(self, people: str, count: int) -> None:
        self.connection.execute(PLANS)
        self.connection.execute(ACCOUNTS, {"people": people, "count": count})

    @contextmanager
    def _ttl(self, interval: str) -> Iterator[None]:
        """Sessions that start meanwhile expire after so long."""
        change = "update private.settings set session_ttl = %s"
        row = self.connection.execute("select session_ttl from private.settings").fetchone()
        assert row is not None
        self.connection.execute(change, [interval])
        try:
            yield
        finally:
            self.connection.execute(change, [row["session_ttl"]])


@contextmanager
def world_of(stack: Stack) -> Iterator[World]:
    """As the superuser; no job of the timetable runs."""
    with connect(stack.admin_db_url) as connection:
        connection.execute("update cron.job set active = false")
        yield World(stack, connection)
