"""Tracked sessions as a benchmark needs them: of u1, u2, …, open ones with ids that a script can compute."""

import psycopg

# Seen now, however long the benchmark takes.
OPEN_SESSIONS = """
insert into public.user_sessions (id, user_id, session_start, app_section, last_seen_at)
select md5('u' || n)::uuid, 'u' || n, now(), 'home', now() from generate_series(1, %s) as n
"""
# Evenly over 29 days and in that order, a minute each.
ENDED_SESSIONS = """
insert into public.user_sessions (
  id, user_id, session_start, session_end, last_seen_at, app_section, duration_seconds, end_token
)
select
  md5('ended' || n)::uuid, 'u' || case when n %% (%(total)s / %(own)s) = 0 then 1 else 2 + n %% (%(users)s - 1) end,
  t.started_at, t.started_at + '1 minute', t.started_at + '1 minute', 'cards', 60, null
from generate_series(1, %(total)s) as n
cross join lateral (
  select now() - '1 hour'::interval - '29 days'::interval * (1 - n::float / %(total)s) as started_at
) as t
"""
# Two for each.
SECTIONS = """
insert into private.session_sections (session_id, section, dwell)
select s.id, 'section ' || half, '30 seconds'
from public.user_sessions as s cross join unnest('{0,5}'::int[]) as half
order by s.session_start
"""
CHANGES = """
insert into private.session_changes (user_id, day)
select user_id, (session_start at time zone 'UTC')::date from public.user_sessions order by session_start
"""


def start_sessions(connection: psycopg.Connection, users: int) -> None:
    """Gives the users one open session each, and no past; its id is md5(user_id)."""
    with connection.transaction():
        _clear(connection)
        connection.execute(OPEN_SESSIONS, [users])
    _vacuum(connection)


def end_sessions(connection: psycopg.Connection, users: int, total: int, own: int) -> None:
    """So many sessions that have ended: `own` of them are of u1, the rest of the other users."""
    parameters = {"users": users, "total": total, "own": own}
    with connection.transaction():
        connection.execute("set local session_replication_role = replica")  # no foreign keys meanwhile
        _clear(connection)
        connection.execute(ENDED_SESSIONS, parameters)
        connection.execute(SECTIONS, parameters)
        connection.execute(CHANGES)
    _vacuum(connection)


def roll_up(connection: psycopg.Connection) -> tuple[int, int]:
    """Adds up all days that are over, as pg_cron does batch by batch; how many batches and days."""
    batches = days = 0
    while row := connection.execute("select nullif(private.roll_up_sessions(10000), 0)").fetchone():
        if row[0] is None:
            break
        batches, days = batches + 1, days + row[0]
    _vacuum(connection)
    return batches, days


def _clear(connection: psycopg.Connection) -> None:
    connection.execute("truncate public.user_sessions, public.session_events cascade")
    connection.execute("truncate public.session_daily, private.session_changes cascade")


def _vacuum(connection: psycopg.Connection) -> None:
    connection.execute("vacuum (analyze) public.user_sessions, private.session_sections, public.session_events")
    connection.execute("vacuum (analyze) public.session_daily, private.session_section_daily, private.session_changes")
    connection.execute("checkpoint")
