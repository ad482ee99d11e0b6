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
insert into private.session_sections (session_id, section, dwell, user_hash)
select s.id, 'section ' || half, '30 seconds', private.user_hash(s.user_id)
from public.user_sessions as s cross join unnest('{0,5}'::int[]) as half
order by s.session_start
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
    _vacuum(connection)


def _clear(connection: psycopg.Connection) -> None:
    connection.execute("truncate public.user_sessions, public.session_events cascade")


def _vacuum(connection: psycopg.Connection) -> None:
    connection.execute("vacuum (analyze) public.user_sessions, private.session_sections, public.session_events")
    connection.execute("checkpoint")
