"""Rooms as a benchmark needs them: with ids and invite codes that a script can compute."""

from dataclasses import asdict, dataclass

import psycopg

from benchmarks import database

FAR_LIMIT_S = 36_000
PLACES = 1_000_000

# The md5 of kind and number is a room's id and its invite code; with the user behind it, a participant's id.
ROOMS = f"""
insert into public.reading_sessions (id, host_id, invite_code, topic, max_participants, created_at, updated_at)
select
  md5(%(kind)s || room)::uuid, 'u' || 1 + (room * %(people)s) %% %(users)s, md5(%(kind)s || room),
  'reading_session:' || md5(%(kind)s || room)::uuid, {PLACES}, now() - %(age)s::interval, now() - %(age)s::interval
from generate_series(0, %(count)s - 1) as room
"""
BOOKS = """
insert into private.rooms (session_id, invite_hash, created_at, check_at)
select r.id, private.invite_hash(r.invite_code), r.created_at, r.created_at + s.session_timeout - s.expiry_warning
from public.reading_sessions as r cross join private.settings as s
on conflict do nothing
"""
PARTICIPANTS = """
insert into public.session_participants (id, session_id, user_id, joined_at, last_seen_at)
select
  md5(%(kind)s || room || 'u' || person)::uuid, md5(%(kind)s || room)::uuid, 'u' || person,
  now() - %(age)s::interval, now() - %(age)s::interval
from generate_series(0, %(count)s - 1) as room
cross join generate_series(0, %(people)s - 1) as seat
cross join lateral (select 1 + (room * %(people)s + seat) %% %(users)s as person) as p
"""
MEMBERS = """
insert into private.room_members (session_id, user_id, first_joined_at)
select p.session_id, p.user_id, p.joined_at from public.session_participants as p
on conflict do nothing
"""


@dataclass(frozen=True)
class Rooms:
    """So many rooms with so many people in each, taken in turn from so many users, last seen so long ago."""

    kind: str
    count: int
    people: int
    users: int
    age: str = "0 s"


def clear(connection: psycopg.Connection, users: int) -> None:
    """Exactly so many users, in no room."""
    with connection.transaction():
        database.make_users(connection, users, FAR_LIMIT_S)
        connection.execute(
            "truncate public.reading_sessions, private.rooms, private.job_runs, realtime.messages cascade"
        )


def add(connection: psycopg.Connection, *all_rooms: Rooms) -> None:
    """Makes these rooms, as their hosts and guests would have left them."""
    with connection.transaction():
        connection.execute("set local session_replication_role = replica")  # no foreign keys meanwhile
        for rooms in all_rooms:
            for query in (ROOMS, BOOKS, PARTICIPANTS, MEMBERS):
                connection.execute(query.encode(), asdict(rooms))
    connection.execute("vacuum (full, analyze) public.reading_sessions, public.session_participants")
    connection.execute("vacuum (analyze) private.rooms, private.room_members, public.accounts")
    connection.execute("checkpoint")
