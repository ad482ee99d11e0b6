"""Rooms under many connections at once: capacity holds, nobody deadlocks, and every refusal has a slug."""

import random
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from worker.tests.integration.metered_calls import Answer, Call, Person, Row, fetch
from worker.tests.integration.metered_crowd import PATIENCE_S, Connection, Crowd
from worker.tests.integration.metered_world import World

SLUGS = {
    "session_not_found",
    "not_a_participant",
    "not_the_host",
    "session_full",
    "session_closed",
    "invite_expired",
}
Task = Callable[[Connection], list[Answer]]


def somebody() -> str:
    return f"guest-{uuid.uuid4()}"


def create(world: World, host: str, places: int = 8) -> Row:
    made = Person(world.connection, host).call("create_reading_session", max_participants=places)
    assert made.row is not None, made
    return made.row


def by_link(room: Row) -> Call:
    return Call("join_session", {"invite_code": room["invite_code"]})


def of(function: str, room: Row, **more: str) -> Call:
    return Call(function, {"session_id": room["id"], **more})


def age(world: World, room: Row, by: str) -> None:
    fetch(world.connection, "select 1 as done from tests.age_room(%s, %s::text::interval)", room["id"], by)


def those_in(world: World, room: Row) -> list[str]:
    query = "select user_id from public.session_participants where session_id = %s and is_active order by joined_at, id"
    return [row["user_id"] for row in fetch(world.connection, query, room["id"])]


def makes(user_id: str, *calls: Call, role: str = "authenticated") -> Task:
    return lambda connection: [Person(connection, user_id, role).make(call) for call in calls]


def sweeps(times: int) -> Task:
    def run(connection: Connection) -> list[Answer]:
        for _ in range(times):
            fetch(connection, "select * from private.run_due()")
        return []

    return run


def slugs_of(answers: list[list[Answer]]) -> set[str]:
    """Asserts that no refusal is untyped."""
    refused = [answer for each in answers for answer in each if answer.sqlstate]
    assert all(answer.sqlstate is not None and answer.sqlstate.startswith("PT") for answer in refused), refused
    return {answer.slug or "" for answer in refused}


def test_fifty_joins_into_eight_places_give_eight(world: World, crowd: Crowd) -> None:
    room = create(world, somebody())
    answers = crowd.at_once([makes(somebody(), by_link(room)) for _ in range(50)])
    assert slugs_of(answers) == {"session_full"}
    assert len([1 for each in answers for answer in each if answer.row]) == 7
    assert len(those_in(world, room)) == 8


def test_one_person_who_joins_fifty_times_at_once_is_in_once(world: World, crowd: Crowd) -> None:
    room, guest = create(world, somebody()), somebody()
    answers = crowd.at_once([makes(guest, by_link(room)) for _ in range(50)])
    assert slugs_of(answers) == set()
    assert len({answer.row["id"] for each in answers for answer in each if answer.row}) == 1
    assert len(those_in(world, room)) == 2
    versions = fetch(world.connection, "select version from private.rooms where session_id = %s", room["id"])
    assert versions == [{"version": 2}]


@pytest.mark.parametrize("seed", range(6))
def test_a_storm_in_one_room_has_no_untyped_error(world: World, crowd: Crowd, seed: int) -> None:
    chance = random.Random(seed)
    host, guests = somebody(), [somebody() for _ in range(10)]
    room = create(world, host, places=4)
    for guest in guests[:3]:
        Person(world.connection, guest).make(by_link(room))
    age(world, room, chance.choice(["0 s", "59 minutes 59.9 s", "59 minutes 59.98 s"]))
    back = of("join_session", room, access_method="direct")
    deeds = [
        *[by_link(room), back, of("touch_presence", room), of("leave_session", room)] * 3,
        *[of("remove_participant", room, participant_user_id=guest) for guest in guests[:3]],
        of("list_participants", room),
        of("check_session_expiry", room),
        of("end_reading_session", room),
    ]
    tasks = [makes(user, *chance.choices(deeds, k=12)) for user in [host, *guests] * 3]
    cleans = makes("", *[Call("cleanup_inactive_sessions")] * 4, role="service_role")
    answers = crowd.at_once([*tasks, sweeps(6), sweeps(6), cleans])
    assert slugs_of(answers) - {"invalid_argument"} <= SLUGS
    assert len(those_in(world, room)) <= 4
    orphans = "select 1 from public.session_participants p where not exists (select from public.reading_sessions r"
    assert fetch(world.connection, f"{orphans} where r.id = p.session_id)") == []


@pytest.mark.parametrize("deed", ["join", "touch"])
def test_who_comes_before_the_cleaning_keeps_the_room_and_who_comes_after_is_told(
    world: World, crowd: Crowd, deed: str
) -> None:
    for _ in range(20):
        host = somebody()
        room = create(world, host)
        age(world, room, "59 minutes 59.995 s")
        first = by_link(room) if deed == "join" else of("touch_presence", room)
        who = somebody() if deed == "join" else host
        cleans = makes("", Call("cleanup_inactive_sessions"), role="service_role")
        answers = crowd.at_once([makes(who, first), cleans, sweeps(2)])
        slugs = slugs_of(answers)
        assert slugs <= {"invite_expired", "session_closed"}
        stored = fetch(world.connection, "select is_active from public.reading_sessions where id = %s", room["id"])
        if slugs:
            late = Person(world.connection, somebody()).make(by_link(room))
            assert late.slug == "invite_expired"
        else:
            assert stored == [{"is_active": True}]
            assert Person(world.connection, who).make(of("touch_presence", room)).row


def test_an_expiry_waits_for_who_is_seen_this_moment(world: World, crowd: Crowd) -> None:
    """A sign of life came in time and is not committed yet: nobody may find the room expired meanwhile."""
    one, other, *_ = crowd.connections
    host, guest = somebody(), somebody()
    room = create(world, host)
    age(world, room, "59 minutes 59.8 s")
    with ThreadPoolExecutor(1) as thread, Person(one, host).hold(of("touch_presence", room)) as held:
        wait_until_over(world, room)
        fetch(world.connection, "select * from private.run_due()")
        waiting = thread.submit(Person(other, guest).make, by_link(room))
        while not waiting.done() and not is_blocked(world, other):
            pass
    assert held[0].row
    assert waiting.result(PATIENCE_S).row
    assert those_in(world, room) == [host, guest]


def test_a_change_of_settings_waits_for_who_is_seen_this_moment(world: World, crowd: Crowd) -> None:
    one, other, *_ = crowd.connections
    host = somebody()
    room = create(world, host)
    age(world, room, "59 minutes 59.8 s")
    changes = "update private.settings set session_timeout = session_timeout returning 1 as done"
    with ThreadPoolExecutor(1) as thread, Person(one, host).hold(of("touch_presence", room)) as held:
        wait_until_over(world, room)
        waiting = thread.submit(fetch, other, changes)
        while not waiting.done() and not is_blocked(world, other):
            pass
    assert held[0].row
    assert waiting.result(PATIENCE_S)
    assert Person(one, host).make(of("touch_presence", room)).row


def test_a_cleaning_blocks_no_join_into_a_room_that_lives(world: World, crowd: Crowd) -> None:
    one, other, *_ = crowd.connections
    host, guest = somebody(), somebody()
    room, dead = create(world, host), create(world, host)
    age(world, room, "59 minutes")  # the sweep is to look at it
    age(world, dead, "2 hours")
    assert Person(world.connection, host).make(of("touch_presence", room)).row
    cleans = Person(one, "", "service_role").hold(Call("cleanup_inactive_sessions"))
    with ThreadPoolExecutor(1) as thread, cleans as held:
        joining = thread.submit(Person(other, guest).make, by_link(room))
        while not joining.done():
            assert not is_blocked(world, other)
    assert joining.result().row
    assert held[0].row
    assert held[0].row["cleanup_inactive_sessions"] >= 1


def test_rooms_of_many_are_told_once_by_sweeps_at_once(world: World, crowd: Crowd) -> None:
    rooms = [create(world, somebody()) for _ in range(20)]
    for room in rooms:
        age(world, room, "2 hours")
    crowd.at_once([sweeps(5)] * 6)
    query = "select count(*) as n from realtime.messages where event = 'session:expired' and topic = any(%s)"
    assert fetch(world.connection, query, [room["topic"] for room in rooms]) == [{"n": 20}]


def wait_until_over(world: World, room: Row) -> None:
    expiry = "select private.room_expires_at(%s) <= clock_timestamp() as is_over"
    while not fetch(world.connection, expiry, room["id"])[0]["is_over"]:
        pass


def is_blocked(world: World, connection: Connection) -> bool:
    return bool(fetch(world.connection, "select pg_blocking_pids(%s) as by", connection.info.backend_pid)[0]["by"])
