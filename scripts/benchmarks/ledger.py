"""Credits as a benchmark needs them: each user has one lot that no charge exhausts, with an id that a script can
compute."""

import psycopg

from benchmarks import database

FAR_LIMIT_S = 36_000
PLENTY = 1_000_000_000

# Its id is md5(user_id).
LOTS = """
insert into public.credit_grants (id, user_id, source, credits, remaining, priority, created_at)
select md5(user_id)::uuid, user_id, 'benchmark', %(credits)s, %(credits)s, 100, now() from public.accounts
"""
LIVE_LOTS = """
insert into private.live_lots (user_id, priority, created_at, grant_id)
select user_id, priority, created_at, id from public.credit_grants
"""
BALANCES = """
insert into private.credit_balances (
  user_id, balance, overdraft, held, next_due_at, period, period_started_at, period_ends_at, plan_credits, used
)
select a.user_id, %(credits)s, 0, 0, 'infinity', plan.period, p.started_at, p.ends_at, 0, 0
from public.accounts as a
inner join public.plans as plan on plan.id = a.plan_id
cross join lateral private.period_at(a.period_anchor, plan.period, now()) as p
"""
CLEAR = """
truncate
  public.usage_logs, public.credit_usage, public.credit_grants, private.credit_balances, private.thread_totals,
  private.idempotency_keys, private.overdrafts, realtime.messages
cascade
"""
TABLES = (
    "public.accounts, public.credit_grants, public.credit_usage, public.usage_logs, private.live_lots, "
    "private.credit_balances, private.thread_totals, private.idempotency_keys"
)


def give(connection: psycopg.Connection, users: int) -> None:
    """Exactly so many users, who have plenty and have used nothing."""
    with connection.transaction():
        connection.execute(CLEAR)
        database.make_users(connection, users, FAR_LIMIT_S)
        fill(connection)
    connection.execute(f"vacuum (analyze) {TABLES}".encode())
    connection.execute("checkpoint")


def fill(connection: psycopg.Connection) -> None:
    """Gives plenty to every account."""
    with connection.transaction():
        connection.execute("set local session_replication_role = replica")  # no foreign keys meanwhile
        for query in (LOTS, LIVE_LOTS, BALANCES):
            connection.execute(query.encode(), {"credits": PLENTY})
