"""Statistics of tracked sessions say what the rows say, at any moment, whoever ends, removes and adds up meanwhile."""

import random
import uuid
from collections.abc import Callable

import pytest

from worker.tests.integration.metered_calls import Row, fetch
from worker.tests.integration.metered_crowd import Connection, Crowd
from worker.tests.integration.metered_world import World

DAYS = 6
END = """
    insert into public.user_sessions (user_id, session_start, last_seen_at, session_end, duration_seconds, end_token)
    select %s, at, at + '1 second', at + '1 second', 1, null from (select now() - %s * interval '1 day' as at) as t
"""
REMOVE = """
    delete from public.user_sessions where id in (
      select id from public.user_sessions where user_id = %s order by random() limit 1 for update skip locked
    )
"""
ADD_UP = "select private.roll_up_sessions(3)"
# Function and count see the same snapshot.
LOOK = """
    select s.total_sessions, s.total_seconds, (
        select count(*)::integer from public.user_sessions as u where u.user_id = %s
      ) as row_count
    from public.get_user_session_stats(30, %s) as s
"""
WAITING = """
    select 1 from private.session_changes
    where user_id = %s and day < (clock_timestamp() at time zone 'UTC')::date
"""


def look(connection: Connection, user: str) -> Row:
    with connection.transaction():
        connection.execute("select set_config('request.jwt.claims', %s, true)", ['{"role": "service_role"}'])
        return fetch(connection, LOOK, user, user)[0]


def is_true(row: Row) -> bool:
    return bool(row["total_sessions"] == row["total_seconds"] == row["row_count"])


def add_up(connection: Connection, user: str) -> None:
    while fetch(connection, WAITING, user):  # pg_cron may be at it too
        connection.execute(ADD_UP)


@pytest.fixture
def user(world: World) -> str:
    name = f"counted-{uuid.uuid4()}"
    world.connection.execute("select private.ensure_account(%s)", [name])
    return name


def test_an_end_that_commits_late_counts(world: World, crowd: Crowd, user: str) -> None:
    late, other, *_ = crowd.connections
    late.execute("begin")
    try:
        late.execute(END, [user, 3])
        other.execute(END, [user, 3])
        add_up(world.connection, user)
        assert look(world.connection, user)["total_sessions"] == 1
    finally:
        late.execute("commit")
    assert look(world.connection, user)["total_sessions"] == 2
    add_up(world.connection, user)
    assert look(world.connection, user)["total_sessions"] == 2


def test_every_look_is_true_whoever_is_at_work(world: World, crowd: Crowd, user: str) -> None:
    def repeat(query: str, arguments: Callable[[random.Random], list[object]]) -> Callable[[Connection], list[Row]]:
        chance = random.Random(query)

        def run(connection: Connection) -> list[Row]:
            looks = []
            for _ in range(40):
                connection.execute(query.encode(), arguments(chance))
                looks.append(look(connection, user))
            return looks

        return run

    ends = repeat(END, lambda chance: [user, chance.randrange(DAYS)])
    removes = repeat(REMOVE, lambda _: [user])
    adds_up = repeat(ADD_UP, lambda _: [])
    looks = crowd.at_once([ends, ends, ends, removes, adds_up, adds_up, adds_up])
    assert [row for each in looks for row in each if not is_true(row)] == []
    add_up(world.connection, user)
    last = look(world.connection, user)
    assert is_true(last), last
    kept = fetch(world.connection, "select sum(session_count) as n from public.session_daily where user_id = %s", user)
    assert 0 < kept[0]["n"] <= last["total_sessions"]
