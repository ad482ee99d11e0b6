"""Somebody is erased while they are at work: nobody deadlocks, every refusal has a slug, and nothing is left over."""

import random
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from worker.tests.integration.credit_calls import Batch
from worker.tests.integration.credit_world import CreditWorld, check_ledger
from worker.tests.integration.metered_calls import Answer, Call, Person, Row, fetch
from worker.tests.integration.metered_crowd import PATIENCE_S, Connection, Crowd

Task = Callable[[Connection], list[Answer]]
TRACES = """
    select c.oid::regclass::text as name
    from pg_class as c
    where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
      and c.relkind in ('r', 'p') and not c.relispartition
"""
# Whoever changes them waits for sessions and rooms that are over by the old values.
CHANGE_SETTINGS = """
    update private.settings set session_timeout = session_timeout, session_retention = session_retention returning 1
"""


def somebody() -> str:
    return f"person-{uuid.uuid4()}"


def erase(user_id: str) -> Call:
    return Call("erase_user", {"user_id": user_id})


def charge(user_id: str, credits: int = 1) -> Call:
    return Call("record_usage", {"user_id": user_id, "credits": Decimal(credits), "thread_id": "t", "overdraft": True})


def webhook(user_id: str, status: str) -> Call:
    named = {"amount": Decimal(10), "currency": "EUR", "provider": "bank", "provider_ref": f"of-{user_id}"}
    return Call("record_purchase", {"user_id": user_id, "credits": Decimal(30), "status": status, **named})


def makes(user_id: str, *calls: Call) -> Task:
    return lambda connection: [Person(connection, user_id).make(call) for call in calls]


def serves(*calls: Call) -> Task:
    return lambda connection: [Person(connection, "", "service_role").make(call) for call in calls]


def sweeps(times: int) -> Task:
    def run(connection: Connection) -> list[Answer]:
        for _ in range(times):
            fetch(connection, "select * from private.run_due()")
            fetch(connection, "select private.count_activity(), private.end_unseen_user_sessions()")
            fetch(connection, "select private.roll_up_sessions(1000), private.remove_old_user_sessions()")
            fetch(connection, CHANGE_SETTINGS)
        return []

    return run


def untyped(answers: list[list[Answer]]) -> list[Answer]:
    return [answer for each in answers for answer in each if not (answer.sqlstate or "PT").startswith("PT")]


def traces(world: CreditWorld, user_id: str) -> list[str]:
    tables = [row["name"] for row in fetch(world.connection, TRACES)]
    found = "select 1 from {} as t where strpos(t::text, %s) > 0 limit 1"
    return [table for table in tables if fetch(world.connection, found.format(table), user_id)]


def is_blocked(world: CreditWorld, connection: Connection) -> bool:
    return bool(fetch(world.connection, "select pg_blocking_pids(%s) as by", connection.info.backend_pid)[0]["by"])


def made(world: CreditWorld, user_id: str, call: Call) -> Row:
    answer = makes(user_id, call)(world.connection)[0]
    assert answer.row is not None, answer
    return answer.row


@pytest.mark.parametrize("seed", range(6))
def test_a_storm_around_two_who_are_erased_leaves_nothing(credit_world: CreditWorld, crowd: Crowd, seed: int) -> None:
    chance, users, other = random.Random(seed), [somebody(), somebody()], somebody()
    rooms = [made(credit_world, host, Call("create_reading_session")) for host in [*users, other]]
    tracked = [made(credit_world, user, Call("start_user_session"))["id"] for user in [*users, other]]

    def deeds(user: str) -> list[Call]:
        room = chance.choice(rooms)
        return [
            Call("start_usage_session"),
            Call("usage_ping", {"active": chance.choice([True, False])}),
            Call("start_user_session", {"app_section": "here"}),
            Call("update_session_section", {"session_id": chance.choice(tracked), "section": "there"}),
            Call("log_session_event", {"session_id": chance.choice(tracked), "event_type": "x"}),
            Call("end_user_session", {"session_id": chance.choice(tracked)}),
            Call("create_reading_session"),
            Call("join_session", {"invite_code": room["invite_code"]}),
            Call("leave_session", {"session_id": room["id"]}),
            Call("touch_presence", {"session_id": room["id"]}),
            Call("remove_participant", {"session_id": room["id"], "participant_user_id": chance.choice(users)}),
            Call("get_usage_state"),
        ]

    def services(user: str) -> list[Call]:
        return [
            charge(user, chance.randrange(5)),
            Batch.of([charge(one) for one in chance.sample([*users, other], 3)]),
            Call("grant_credits", {"user_id": user, "credits": Decimal(3), "idempotency_key": chance.choice("ab")}),
            Call("hold_credits", {"user_id": user, "credits": Decimal(1)}),
            webhook(user, chance.choice(["pending", "completed", "refunded"])),
            Call("set_account", {"user_id": user, "plan_id": chance.choice(["free", "credits-10-7200000000"])}),
            erase(chance.choice(users)),
        ]

    def some(choices: Callable[[str], list[Call]], user: str) -> list[Call]:
        return [chance.choice(choices(user)) for _ in range(12)]

    people = [(user, some(deeds, user)) for user in [*users, other] * 5]
    answers = crowd.at_once(
        [
            *[makes(user, *calls) for user, calls in people],
            *[serves(*some(services, chance.choice(users))) for _ in range(14)],
            *[serves(*[erase(user)] * 4) for user in users],
            *[sweeps(6)] * 3,
        ]
    )
    assert untyped(answers) == []
    check_ledger(credit_world.connection)
    assert untyped([serves(*[erase(user) for user in users])(credit_world.connection)]) == []
    assert [traces(credit_world, user) for user in users] == [[], []]
    check_ledger(credit_world.connection)
    hosts = "select 1 from public.reading_sessions as r where r.is_active and not exists "
    hosts += "(select from public.accounts as a where a.user_id = r.host_id)"
    assert fetch(credit_world.connection, hosts) == []


@pytest.mark.parametrize(
    "call",
    [
        Call("start_usage_session"),
        Call("start_user_session"),
        Call("create_reading_session"),
        Call("usage_ping", {"active": True}),
    ],
    ids=lambda call: call.function,
)
def test_who_waited_for_an_erasure_begins_anew(credit_world: CreditWorld, crowd: Crowd, call: Call) -> None:
    one, other, *_ = crowd.connections
    user = somebody()
    made(credit_world, user, Call("start_usage_session"))
    with ThreadPoolExecutor(1) as thread, Person(one, "", "service_role").hold(erase(user)) as held:
        waiting = thread.submit(Person(other, user).make, call)
        while not waiting.done() and not is_blocked(credit_world, other):
            pass
    assert held[0].row
    assert waiting.result(PATIENCE_S).row
    accounts = fetch(credit_world.connection, "select 1 from public.accounts where user_id = %s", user)
    assert len(accounts) == 1


@pytest.mark.parametrize("is_paid_again", [True, False])
def test_a_webhook_that_waited_for_an_erasure_brings_nobody_back(
    credit_world: CreditWorld, crowd: Crowd, is_paid_again: bool
) -> None:
    one, other, *_ = crowd.connections
    user = somebody()
    assert serves(webhook(user, "completed" if is_paid_again else "pending"))(credit_world.connection)[0].row
    with ThreadPoolExecutor(1) as thread, Person(one, "", "service_role").hold(erase(user)) as held:
        waiting = thread.submit(Person(other, "", "service_role").make, webhook(user, "completed"))
        while not waiting.done() and not is_blocked(credit_world, other):
            pass
    assert held[0].row
    row = waiting.result(PATIENCE_S).row
    assert row is not None and (row["user_id"], row["status"]) == (None, "completed")
    assert traces(credit_world, user) == []


def test_a_batch_that_waited_for_an_erasure_is_charged_whole(credit_world: CreditWorld, crowd: Crowd) -> None:
    one, other, *_ = crowd.connections
    users = sorted([somebody(), somebody()])
    assert serves(*[charge(user) for user in users])(credit_world.connection)[1].row
    with ThreadPoolExecutor(1) as thread, Person(one, "", "service_role").hold(erase(users[1])) as held:
        batch = Batch.of([charge(user, 2) for user in users])
        waiting = thread.submit(Person(other, "", "service_role").make, batch)
        while not waiting.done() and not is_blocked(credit_world, other):
            pass
    assert held[0].row
    assert [row["balance"] for row in waiting.result(PATIENCE_S).rows] == [-3, -2]


@pytest.mark.parametrize(
    ("first", "later", "slug"),
    [
        ("hold_credits", lambda row: Call("release_hold", {"hold_id": row["id"]}), "hold_not_found"),
        (
            "record_usage",
            lambda row: Call("refund_usage", {"usage_log_id": row["usage_log_id"], "reason": "late"}),
            "usage_log_not_found",
        ),
    ],
    ids=["release_hold", "refund_usage"],
)
def test_what_was_of_somebody_erased_meanwhile_is_not_found(
    credit_world: CreditWorld, crowd: Crowd, first: str, later: Callable[[Row], Call], slug: str
) -> None:
    one, other, *_ = crowd.connections
    user = somebody()
    five, single = ({"user_id": user, "credits": Decimal(n)} for n in (5, 1))
    answers = serves(Call("grant_credits", five), Call(first, single))(credit_world.connection)
    assert answers[1].row is not None
    call = later(answers[1].row)
    with ThreadPoolExecutor(1) as thread, Person(one, "", "service_role").hold(erase(user)) as held:
        waiting = thread.submit(Person(other, "", "service_role").make, call)
        while not waiting.done() and not is_blocked(credit_world, other):
            pass
    assert held[0].row
    assert waiting.result(PATIENCE_S).slug == slug
    assert traces(credit_world, user) == []


@pytest.mark.parametrize("function", ["heartbeat_usage_session", "stop_usage_session", "heartbeat_user_session"])
def test_a_session_of_somebody_erased_meanwhile_is_not_found(
    credit_world: CreditWorld, crowd: Crowd, function: str
) -> None:
    one, other, *_ = crowd.connections
    user = somebody()
    is_metered = "usage" in function
    started = made(credit_world, user, Call("start_usage_session" if is_metered else "start_user_session"))
    call = Call(function, {"session_id": started["session_id" if is_metered else "id"]})
    with ThreadPoolExecutor(1) as thread, Person(one, "", "service_role").hold(erase(user)) as held:
        waiting = thread.submit(Person(other, user).make, call)
        while not waiting.done() and not is_blocked(credit_world, other):
            pass
    assert held[0].row
    assert waiting.result(PATIENCE_S).slug == "session_not_found"
    assert traces(credit_world, user) == []
