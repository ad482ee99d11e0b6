"""Whoever notices first tells: of calls and sweeps at once, each notification is written once and nobody deadlocks."""

import random
import uuid
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import pytest

from worker.tests.integration.credit_calls import Batch
from worker.tests.integration.credit_world import CreditWorld, somebody
from worker.tests.integration.metered_calls import Answer, Call, Person, Row, fetch
from worker.tests.integration.metered_crowd import Connection, Crowd

Task = Callable[[Connection], list[Answer]]
THRESHOLDS: dict[tuple[str, int | None], int] = {  # of a limit of 100 seconds
    ("usage_percent_reached", 80): 80,
    ("usage_percent_reached", 90): 90,
    ("usage_percent_reached", 100): 100,
    ("usage_near_limit", None): 96,
}
ONCE_EACH = {("credits_low", 20): 1, ("credits_low", 5): 1, ("credits_exhausted", None): 1}


def makes(user_id: str, *calls: Call) -> Task:
    return lambda connection: [Person(connection, user_id).make(call) for call in calls]


def serves(*calls: Call) -> Task:
    return lambda connection: [Person(connection, "", "service_role").make(call) for call in calls]


def sweeps(times: int) -> Task:
    def run(connection: Connection) -> list[Answer]:
        for _ in range(times):
            fetch(connection, "select * from private.run_due()")
            fetch(connection, "select private.forget_old_notifications()")
        return []

    return run


def edits_plan(plan_id: str, limits: list[int]) -> Task:
    def run(connection: Connection) -> list[Answer]:
        for limit in limits:
            connection.execute("update public.plans set limit_seconds = %s where id = %s", (limit, plan_id))
        return []

    return run


def made(world: CreditWorld, task: Task) -> Row:
    answer = task(world.connection)[0]
    assert answer.row is not None, answer
    return answer.row


def edits_percents(connection: Connection) -> list[Answer]:
    """To the same in another order, for which every live session is looked at anew."""
    for percents in ("{100,80,90}", "{80,90,100}"):
        connection.execute("update private.settings set warning_percents = %s", (percents,))
    return []


def untyped(answers: list[list[Answer]]) -> list[Answer]:
    return [answer for each in answers for answer in each if not (answer.sqlstate or "PT").startswith("PT")]


def charge(user_id: str, credits: int = 1) -> Call:
    return Call("record_usage", {"user_id": user_id, "credits": Decimal(credits), "overdraft": True})


def grant(user_id: str, credits: int) -> Call:
    return Call("grant_credits", {"user_id": user_id, "credits": Decimal(credits)})


def told(world: CreditWorld, user_id: str) -> list[Row]:
    query = "select kind, payload from public.notifications where user_id = %s order by created_at"
    return fetch(world.connection, query, user_id)


def counted(rows: list[Row]) -> Counter[tuple[str, int | None]]:
    return Counter((row["kind"], row["payload"].get("percent")) for row in rows)


def add_plan(world: CreditWorld, limit_seconds: int) -> str:
    query = "insert into public.plans (id, name, limit_seconds, near_limit_seconds) values (%s, %s, %s, 5) returning id"
    plan_id = f"stormy-{uuid.uuid4()}"
    return str(fetch(world.connection, query, plan_id, plan_id, limit_seconds)[0]["id"])


def age(world: CreditWorld, user_id: str, by: str) -> None:
    fetch(world.connection, "select tests.age(%s, %s::text::interval)", user_id, by)


def test_credits_that_many_spend_at_once_are_told_once_for_each_round_of_grants(
    credit_world: CreditWorld, crowd: Crowd
) -> None:
    user = somebody()
    for number in range(1, 4):
        assert untyped(crowd.at_once([serves(grant(user, 10))] * 10)) == []
        batch = Batch.of([charge(user), charge(user)])
        tasks = [*[serves(*[charge(user)] * 4)] * 16, *[serves(batch, batch)] * 9, sweeps(4), sweeps(4)]
        answers = crowd.at_once(tasks)
        assert untyped(answers) == []
        assert counted(told(credit_world, user)) == dict.fromkeys(ONCE_EACH, number)


@pytest.mark.parametrize("seed", range(4))
def test_a_threshold_that_passes_in_a_storm_is_told_once(credit_world: CreditWorld, crowd: Crowd, seed: int) -> None:
    chance, user = random.Random(seed), somebody()
    plan_id = add_plan(credit_world, 100)
    made(credit_world, serves(Call("set_account", {"user_id": user, "plan_id": plan_id})))
    session = {"session_id": made(credit_world, makes(user, Call("start_usage_session")))["session_id"]}
    pause, resume = Call("pause_usage_session", session), Call("resume_usage_session", session)
    moves = [Call("start_usage_session", {"device_id": device, "take_over": True}) for device in ("phone", "laptop")]
    calls = [pause, resume, Call("heartbeat_usage_session", session), *moves, Call("get_usage_state")]

    def storm() -> None:
        tasks = [makes(user, *chance.choices(calls, k=6)) for _ in range(8)]
        tasks += [serves(charge(user)), edits_plan(plan_id, [200, 100]), edits_percents, *[sweeps(6)] * 4]
        assert untyped(crowd.at_once(chance.sample(tasks, len(tasks)))) == []

    for lasting in (80, 10, 6):
        made(credit_world, makes(user, resume))
        age(credit_world, user, f"{lasting} seconds -{chance.randrange(40)} milliseconds")
        storm()
        used = made(credit_world, makes(user, pause))["total_usage_seconds"]
        reached = {what: 1 for what, seconds in THRESHOLDS.items() if seconds <= used}
        assert counted(told(credit_world, user)) == reached
    made(credit_world, makes(user, resume))
    age(credit_world, user, "4 seconds")
    storm()
    sweeps(1)(credit_world.connection)
    capped = "select id from public.usage_sessions where user_id = %s and status = 'capped'"
    sessions = [row["id"] for row in fetch(credit_world.connection, capped, user)]
    rows = told(credit_world, user)
    assert counted(rows) == {**dict.fromkeys(THRESHOLDS, 1), ("usage_capped", None): len(sessions)}
    assert {row["payload"]["session_id"] for row in rows if row["kind"] == "usage_capped"} == set(sessions)


@pytest.mark.parametrize("seed", range(4))
def test_a_room_that_is_about_to_expire_tells_each_who_is_in_once(
    credit_world: CreditWorld, crowd: Crowd, seed: int
) -> None:
    """While they are charged and play, and somebody is erased."""
    chance, (host, *others) = random.Random(seed), [somebody() for _ in range(4)]
    room = made(credit_world, makes(host, Call("create_reading_session")))
    for other in others:
        made(credit_world, makes(other, Call("join_session", {"invite_code": room["invite_code"]})))
    erased, *staying = others
    by = f"55 minutes -{chance.randrange(40)} milliseconds"
    fetch(credit_world.connection, "select tests.age_room(%s, %s::text::interval)", room["id"], by)
    tasks = [
        serves(Call("erase_user", {"user_id": erased})),
        *[serves(charge(user), grant(user, 3), charge(user, 3)) for user in (host, *others)],
        *[makes(user, Call("usage_ping", {"active": True})) for user in (host, *others)],
        *[sweeps(8)] * 5,
    ]
    answers = crowd.at_once(chance.sample(tasks, len(tasks)))
    assert untyped(answers) == []
    # To be erased is to leave, which puts the expiry off.
    fetch(credit_world.connection, "select tests.age_room(%s, '55 minutes')", room["id"])
    sweeps(1)(credit_world.connection)
    expiries = [
        [row["payload"]["expires_at"] for row in told(credit_world, user) if row["kind"] == "session_expiring"]
        for user in (host, *staying)
    ]
    assert 1 <= len(expiries[0]) == len(set(expiries[0])) <= 2
    assert expiries == [expiries[0]] * len(expiries)
