"""The database as a benchmark needs it: users u1, u2, … with live and closed sessions, and what they cost."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from local_stack.config import Stack
from local_stack.processes import StackError

FAR_LIMIT_S = 36_000
STATISTICS_TIMEOUT_S = 20
WAL_SEGMENTS = 60  # a little less than min_wal_size below
POLL_S = 0.02

# Nothing may expire between two measures.
PREPARE = """
update private.settings set session_ttl = '1 day';
insert into public.plans (id, name, limit_seconds) values ('benchmark', 'Benchmark', 0);
create schema floor;
grant usage on schema floor to public;  -- who prepares a statement is not yet who executes it
"""
NEXT_SEGMENT = "select pg_logical_emit_message(false, 'benchmark', ''), pg_switch_wal()"
ACCOUNTS = """
insert into public.accounts (user_id, plan_id, period_anchor)
select 'u' || n, 'benchmark', date_trunc('day', now()) - interval '100 days'
from generate_series(1, %s) as n
on conflict do nothing
"""
START = """
select
  set_config('request.jwt.claims', json_build_object('sub', 'u' || n)::text, true),
  public.start_usage_session()
from generate_series(1, %s) as n
"""
# So that a script can compute the id of a user's session.
NAME_SESSIONS = """
update public.usage_intervals set session_id = md5(user_id)::uuid;
update public.usage_sessions set id = md5(user_id)::uuid;
"""
# One a day and user, a minute each, in the order in which they would have come.
CLOSED_SESSIONS = """
insert into public.usage_sessions (id, user_id, status, device_id, end_token, started_at, ended_at, active_time)
select
  md5(day || ' u' || n)::uuid, 'u' || n, 'closed', 'default', null, t.started_at, t.started_at + '1 minute', '1 minute'
from generate_series(1, %(days)s) as day
cross join generate_series(1, %(users)s) as n
cross join lateral (select date_trunc('day', now()) + (day - %(days)s - 1) * interval '1 day' as started_at) as t
"""
CLOSED_INTERVALS = """
insert into public.usage_intervals (session_id, user_id, started_at, ended_at)
select id, user_id, started_at, ended_at from public.usage_sessions where status = 'closed' order by started_at
"""
TOTALS = """
insert into public.usage_totals (user_id, period_started_at, period_ends_at, period, used)
select i.user_id, p.started_at, p.ends_at, interval '1 month', sum(i.ended_at - i.started_at)
from public.usage_intervals as i
inner join public.accounts as a on a.user_id = i.user_id
cross join lateral private.period_at(a.period_anchor, '1 month', i.started_at) as p
where i.ended_at is not null
group by i.user_id, p.started_at, p.ends_at
on conflict (user_id, period_started_at, period_ends_at) do update set used = excluded.used
"""
UPDATES = "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relid = %s::regclass"


@contextmanager
def connect(stack: Stack) -> Iterator[psycopg.Connection]:
    """As the superuser, who can write what the API cannot."""
    with psycopg.connect(stack.admin_db_url, autocommit=True) as connection:
        yield connection


def prepare(stack: Stack) -> None:
    """Once for a new stack."""
    with connect(stack) as connection:
        connection.execute(PREPARE)
        # As on a server that has run for a while: else all wait for a new file of the log every 16 MB.
        connection.execute("alter system set min_wal_size = '1GB'")
        connection.execute("select pg_reload_conf()")
        for _ in range(WAL_SEGMENTS):
            connection.execute(NEXT_SEGMENT)
        connection.execute("checkpoint")


def version(stack: Stack) -> str:
    with connect(stack) as connection:
        row = connection.execute("show server_version").fetchone()
        return str(row[0]) if row else ""


def user_ids(users: int) -> list[str]:
    return [f"u{number}" for number in range(1, users + 1)]


def make_users(connection: psycopg.Connection, users: int, limit_s: int) -> None:
    """Exactly so many users, with no session, on a plan with this limit."""
    with connection.transaction():
        connection.execute("truncate public.accounts cascade")
        connection.execute("update public.plans set limit_seconds = %s where id = 'benchmark'", [limit_s])
        connection.execute(ACCOUNTS, [users])


def start_sessions(connection: psycopg.Connection, users: int) -> None:
    """Exactly so many users, with one live session each and no past; its id is md5(user_id)."""
    with connection.transaction():
        make_users(connection, users, FAR_LIMIT_S)
        connection.execute(START, [users])
        connection.execute("set local session_replication_role = replica")  # no foreign keys meanwhile
        connection.execute(NAME_SESSIONS)
    connection.execute("vacuum (full, analyze) public.usage_sessions, public.usage_intervals")
    connection.execute("vacuum (analyze) public.accounts, public.usage_totals")
    connection.execute("checkpoint")


def add_closed_sessions(connection: psycopg.Connection, users: int, days: int) -> None:
    """Gives so many users a closed session on each of the last days, as stopping them would have left it."""
    with connection.transaction():
        connection.execute("set local session_replication_role = replica")
        connection.execute(ACCOUNTS, [users])
        connection.execute(CLOSED_SESSIONS, {"users": users, "days": days})
        connection.execute(CLOSED_INTERVALS)
        connection.execute(TOTALS)
    connection.execute("vacuum (analyze) public.accounts, public.usage_totals")
    connection.execute("vacuum (analyze) public.usage_sessions, public.usage_intervals")
    connection.execute("checkpoint")


def updates(connection: psycopg.Connection, table: str, at_least: int = 0) -> tuple[int, int]:
    """How many rows of a table were updated since the start, and how many of them HOT, once all is counted."""
    connection.execute("select pg_stat_force_next_flush()")  # this connection's own updates are no heartbeats
    end = time.monotonic() + STATISTICS_TIMEOUT_S
    while True:
        count, hot_count = connection.execute(UPDATES, [table]).fetchone() or (0, 0)
        if count >= at_least:
            return int(count), int(hot_count)
        if time.monotonic() > end:
            raise StackError(f"The statistics know {count} updates of {table}, not the {at_least} that were made.")
        time.sleep(POLL_S)
