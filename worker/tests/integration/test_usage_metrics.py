"""Days of the dashboard are counted once, however late somebody's transaction ends."""

import datetime

from worker.tests.integration.metered_calls import fetch
from worker.tests.integration.metered_crowd import Connection, Crowd
from worker.tests.integration.metered_world import World

FORGET = """
    update private.activity_watermark set counted_until = '-infinity', over_until = '-infinity', over_xact = '0'
"""
BE_ACTIVE = """
    with account as (
      insert into public.accounts (user_id, plan_id, created_at) values (%(user)s, 'free', %(at)s) returning user_id
    )
    insert into public.user_sessions (user_id, session_start, last_seen_at, session_end, duration_seconds, end_token)
    select user_id, %(at)s, %(at)s, %(at)s, 0, null from account
"""


def count(connection: Connection) -> None:
    """As pg_cron does, which may be at it too."""
    connection.execute("select private.count_activity()")


def is_counted(connection: Connection) -> bool:
    query = "select counted_until > now() - interval '2 days' as is_counted from private.activity_watermark"
    return bool(fetch(connection, query)[0]["is_counted"])


def users(connection: Connection) -> int:
    query = "select coalesce(sum(active_users), 0)::int as n from private.activity_between('day', '2001-01-01', now())"
    return int(fetch(connection, query)[0]["n"])


def be_active(connection: Connection, user: str, days_ago: int) -> None:
    at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days_ago)
    connection.execute(BE_ACTIVE, {"user": user, "at": at})


def test_a_day_is_counted_when_nobody_who_was_there_is_still_at_work(world: World, crowd: Crowd) -> None:
    late, other, *_ = crowd.connections
    world.connection.execute("delete from private.activity_counted where step = 'day'")
    world.connection.execute(FORGET)
    before = users(world.connection)
    late.execute("begin")
    try:
        be_active(late, "late", 3)
        for _ in range(3):  # the first finds the days over
            count(world.connection)
            assert not is_counted(world.connection)
        be_active(other, "other", 4)
    finally:
        late.execute("commit")
    assert users(world.connection) == before + 2
    count(world.connection)
    assert is_counted(world.connection)
    world.connection.execute("delete from public.user_sessions where user_id in ('late', 'other')")
    assert users(world.connection) == before + 2  # counted, they need no rows
    count(world.connection)
    assert users(world.connection) == before + 2
