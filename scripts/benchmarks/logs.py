"""Usage logs as a benchmark needs them: of u1, u2, …, counted in the rollups as if they had come one by one."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from benchmarks import ledger

CLEAR = """
drop table if exists private.usage_logs_loaded;
truncate
  public.accounts, public.usage_logs, public.usage_hourly, public.usage_daily, private.thread_totals,
  private.overview_totals, private.overview_changes, private.idempotency_keys, private.overdrafts, realtime.messages
cascade
"""
ACCOUNTS = """
insert into public.accounts (user_id, plan_id, period_anchor, email, display_name, user_type)
select
  'u' || n, 'benchmark', now() - interval '100 days', 'person' || n || '@example.com', 'Person ' || md5('name' || n),
  case when n %% 20 = 0 then 'internal' else 'external' end
from generate_series(1, %(users)s) as n
"""
PURCHASES = """
insert into public.credit_purchases (
  user_id, credits, amount, currency, provider, provider_ref, status, created_at, completed_at
)
select 'u' || n, 100, 1 + n %% 50, 'EUR', 'benchmark', n::text, 'completed', now(), now()
from generate_series(1, %(users)s, 10) as n
"""
# Filled first and indexed then, which takes a fraction of the time.
TABLE = """
create unlogged table private.usage_logs_loaded (like public.usage_logs including defaults including constraints)
"""
# In the order of time, five of a user and thread in a row, a few users with many and many with few.
LOGS = """
insert into private.usage_logs_loaded (
  id, user_id, thread_id, kind, model, prompt_tokens, completion_tokens, credits, metadata, created_at, xact_id
)
select
  gen_random_uuid(), 'u' || 1 + floor(%(users)s * (share - floor(share)) ^ 2), 'thread' || n / 5 %% 3, 'completion',
  'large', 100 + n %% 2000, n %% 500, 0.25 * (1 + n %% 40), '{}', now() - interval '365 days'
  + n * (interval '300 days' / %(logs)s), '3'
from generate_series(0, %(logs)s - 1) as n
cross join lateral (select n / 5 * 0.618033988749895::float8 as share) as s
"""
ATTACH = """
alter table public.usage_logs attach partition private.usage_logs_loaded
for values from ('{:%Y-%m-%d}') to ('{:%Y-%m-%d}')
"""
SUMS = """
create temporary table sums on commit drop as
select
  user_id, thread_id, date_trunc('hour', created_at, 'UTC') as hour, count(*) as requests,
  sum(prompt_tokens) as prompt_tokens, sum(completion_tokens) as completion_tokens, sum(credits) as credits,
  max(created_at) as last_active_at
from private.usage_logs_loaded
group by 1, 2, 3
"""
COLUMNS = "requests, prompt_tokens, completion_tokens, credits"
ADDED = ", ".join(f"sum({column})" for column in COLUMNS.split(", "))
ROLLUPS = (
    f"insert into public.usage_hourly (user_id, hour, {COLUMNS}) select user_id, hour, {ADDED} from sums "
    "group by 1, 2 order by 1, 2",
    f"insert into public.usage_daily (user_id, day, {COLUMNS}) "
    f"select user_id, (hour at time zone 'UTC')::date, {ADDED} from sums group by 1, 2 order by 1, 2",
    f"insert into private.thread_totals (user_id, thread_id, {COLUMNS}, last_used_at) "
    f"select user_id, thread_id, {ADDED}, max(last_active_at) from sums group by 1, 2",
    f"""
insert into public.account_usage (
  user_id, user_type, name, {COLUMNS}, last_active_at, revenue, revenue_by_currency, payment_count
)
select
  a.user_id, a.user_type, private.overview_name(a), coalesce(s.requests, 0), coalesce(s.prompt_tokens, 0),
  coalesce(s.completion_tokens, 0), coalesce(s.credits, 0), s.last_active_at, coalesce(p.amount, 0),
  case when p.amount is null then '{{}}' else jsonb_build_object('EUR', p.amount) end, coalesce(p.count, 0)
from public.accounts as a
left join (
  select user_id, {", ".join(f"sum({column}) as {column}" for column in COLUMNS.split(", "))},
  max(last_active_at) as last_active_at from sums group by 1
) as s on s.user_id = a.user_id
left join (
  select user_id, sum(amount) as amount, count(*) as count from public.credit_purchases group by 1
) as p on p.user_id = a.user_id
order by a.user_id
""",
    """
insert into private.overview_totals (user_type, measure, total)
select a.user_type, m.measure, sum(m.amount)
from public.account_usage as a
cross join lateral (
  values ('users', 1), ('requests', a.requests), ('tokens', a.total_tokens), ('credits', a.credits),
  ('revenue:EUR', a.revenue)
) as m (measure, amount)
group by 1, 2
""",
)
NO_TAIL = "update private.rollup_watermark set counted_until = pg_snapshot_xmin(pg_current_snapshot())"
# Logs of now that no rollup has counted.
TAIL = """
insert into public.usage_logs (
  id, user_id, thread_id, kind, model, prompt_tokens, completion_tokens, credits, metadata, created_at
)
select
  gen_random_uuid(), 'u' || 1 + n %% %(users)s, 'thread' || n %% 3, 'completion', 'large', 1000, 200, 1.25, '{}',
  clock_timestamp()
from generate_series(1, %(logs)s) as n
"""
VACUUMED = (
    "public.accounts, public.account_usage, public.usage_hourly, public.usage_daily, public.credit_purchases, "
    f"private.overview_totals, {ledger.TABLES}"
)


def load(connection: psycopg.Connection, users: int, logs: int) -> None:
    """Exactly so many users with so many logs, of months past and all counted."""
    with connection.transaction():
        connection.execute("set local session_replication_role = replica")  # no foreign keys meanwhile
        connection.execute("set local work_mem = '512MB'; set local maintenance_work_mem = '1GB'")
        connection.execute(CLEAR)
        for query in (ACCOUNTS, PURCHASES, TABLE, LOGS):
            connection.execute(query.encode(), {"users": users, "logs": logs})
        connection.execute(SUMS)
        for query in ROLLUPS:
            connection.execute(query.encode())
        ledger.fill(connection)
        since, until = connection.execute(
            "select (now() - interval '366 days')::date, (now() - interval '62 days')::date"
        ).fetchone() or (None, None)
        connection.execute(ATTACH.format(since, until).encode())
    connection.execute(NO_TAIL)
    connection.execute(f"vacuum (analyze) {VACUUMED}".encode())
    connection.execute("checkpoint")


def add(connection: psycopg.Connection, users: int, logs: int) -> None:
    """So many logs more, of now, of so many users and not counted."""
    connection.execute(TAIL, {"users": users, "logs": logs})


@contextmanager
def uncounted(connection: psycopg.Connection) -> Iterator[None]:
    """Meanwhile no log is counted by itself; afterwards there are none."""
    connection.execute("update cron.job set active = false")
    try:
        yield
    finally:
        connection.execute("update cron.job set active = true")
        connection.execute(CLEAR)
