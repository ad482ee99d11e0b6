"""Tracked sessions as a benchmark needs them: those of u1, u2, … with ids that a script can compute."""

import psycopg

# Seen now, however long the benchmark takes.
OPEN_SESSIONS = """
insert into public.user_sessions (id, user_id, session_start, app_section, last_seen_at)
select md5('u' || n)::uuid, 'u' || n, now(), 'home', now() from generate_series(1, %s) as n
"""
# In the order in which they would have come, over the last 30 days, a minute each.
ENDED_SESSIONS = """
insert into public.user_sessions (
  id, user_id, session_start, session_end, last_seen_at, app_section, duration_seconds, end_token
)
select
  gen_random_uuid(), 'u' || case when n %% %(every)s = 0 then 1 else 2 + n %% %(others)s end,
  t.at, t.at + '1 minute', t.at + '1 minute', 'cards', 60, null
from generate_series(%(first)s, %(last)s) as n
cross join lateral (select now() - interval '29 days' * (1 - n::numeric / %(of)s) - '1 hour'::interval as at) as t
"""
# Two to a session, out of ten.
SECTIONS = """
insert into private.session_sections (session_id, section, dwell)
select s.id, 'section ' || (hashtext(s.id::text) & 1023) %% 5 + 5 * half, '30 seconds'
from public.user_sessions as s cross join generate_series(0, 1) as half
where s.session_end is not null
on conflict do nothing
"""


def start_sessions(connection: psycopg.Connection, users: int) -> None:
    """Gives the users one open session each, and no past; its id is md5(user_id)."""
    with connection.transaction():
        connection.execute("truncate public.user_sessions, public.session_events cascade")
        connection.execute(OPEN_SESSIONS, [users])
    _vacuum(connection)


def _vacuum(connection: psycopg.Connection) -> None:
    connection.execute("vacuum (full, analyze) public.user_sessions, private.session_sections")
    connection.execute("vacuum (analyze) public.accounts, public.session_events")
    connection.execute("checkpoint")
