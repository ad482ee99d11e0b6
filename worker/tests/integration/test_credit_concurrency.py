"""Credits under many connections at once: nothing is spent twice, nothing is lost, nobody deadlocks."""

import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from worker.tests.integration.credit_calls import Batch
from worker.tests.integration.credit_parts import CreditPlan
from worker.tests.integration.credit_world import CreditWorld, add_plan, check_ledger, somebody
from worker.tests.integration.metered_calls import Answer, Call, Person, Row, fetch
from worker.tests.integration.metered_crowd import PATIENCE_S, Connection, Crowd
from worker.tests.integration.metered_periods import HOUR, Period

Task = Callable[[Connection], list[Answer]]
ONE = Decimal(1)
STORMY = CreditPlan("stormy", Period(exact=2 * HOUR), Fraction(25))
STORMY_PLANS = [STORMY.id, "credits-10-7200000000", "credits-25-86400000000"]


@pytest.fixture(autouse=True)
def the_ledger_adds_up(credit_world: CreditWorld) -> Iterator[None]:
    yield
    check_ledger(credit_world.connection)


def makes(*calls: Call) -> Task:
    return lambda connection: [Person(connection, "", "service_role").make(call) for call in calls]


def sweeps(times: int) -> Task:
    def run(connection: Connection) -> list[Answer]:
        for _ in range(times):
            fetch(connection, "select * from private.run_due()")
        return []

    return run


def charge(user_id: str, credits: Decimal = ONE, **more: Any) -> Call:
    return Call("record_usage", {"user_id": user_id, "credits": credits, **more})


def grant(user_id: str, credits: Decimal, **more: Any) -> Call:
    return Call("grant_credits", {"user_id": user_id, "credits": credits, **more})


def purchase(user_id: str, reference: str, status: str, amount: Decimal = Decimal(10)) -> Call:
    named = {"provider": "bank", "provider_ref": reference, "status": status}
    return Call(
        "record_purchase", {"user_id": user_id, "credits": Decimal(30), "amount": amount, "currency": "EUR", **named}
    )


def made(world: CreditWorld, call: Call) -> Row:
    answer = Person(world.connection, "", "service_role").make(call)
    assert answer.row is not None, (call, answer)
    return answer.row


def balance_of(world: CreditWorld, user_id: str) -> Row:
    row = Person(world.connection, user_id).call("get_credit_balance").row
    assert row is not None
    return row


def age(world: CreditWorld, user_id: str, by: str) -> None:
    fetch(world.connection, "select tests.age(%s, %s::text::interval)", user_id, by)


def rows_of(answers: Sequence[Sequence[Answer]]) -> list[Row]:
    return [answer.row for each in answers for answer in each if answer.row]


def slugs_of(answers: Sequence[Sequence[Answer]]) -> Counter[str]:
    """How often each refusal came; asserts that none is untyped."""
    refused = [answer for each in answers for answer in each if answer.sqlstate]
    assert [answer for answer in refused if not (answer.sqlstate or "").startswith("PT")] == []
    return Counter(answer.slug or "" for answer in refused)


def event_versions(world: CreditWorld, user_id: str, event: str = "credits:changed") -> list[int]:
    query = "select payload from realtime.messages where topic = %s and event = %s"
    return sorted(row["payload"]["version"] for row in fetch(world.connection, query, f"user:{user_id}", event))


def version_of(world: CreditWorld, user_id: str) -> int:
    version = balance_of(world, user_id)["version"]
    assert isinstance(version, int)
    return version


def test_of_a_hundred_charges_on_thirty_seven_credits_thirty_seven_succeed(
    credit_world: CreditWorld, crowd: Crowd
) -> None:
    user = somebody()
    for lot in (Decimal(30), Decimal("6.5"), Decimal("0.5")):
        made(credit_world, grant(user, lot))
    answers = crowd.at_once([makes(charge(user), charge(user))] * 50)
    assert slugs_of(answers) == {"insufficient_credits": 63}
    receipts = rows_of(answers)
    assert sorted(row["balance"] for row in receipts) == list(range(37))
    assert len({row["version"] for row in receipts}) == 37
    assert balance_of(credit_world, user)["balance"] == 0
    assert event_versions(credit_world, user) == list(range(1, 41))
    assert event_versions(credit_world, user, "usage:logged") == list(range(4, 41))


def test_a_first_call_from_fifty_connections_makes_one_account_and_grants_the_plan_once(
    credit_world: CreditWorld, crowd: Crowd
) -> None:
    user = somebody()
    plan = "credits-10-86400000000"
    answers = crowd.at_once([makes(charge(user, Decimal(0)))] * 20)
    assert slugs_of(answers) == {}
    crowd.at_once([makes(Call("set_account", {"user_id": user, "plan_id": plan}), charge(user, Decimal("0.1")))] * 20)
    query = "select credits from public.credit_grants where user_id = %s"
    assert fetch(credit_world.connection, query, user) == [{"credits": 10}]
    assert balance_of(credit_world, user)["balance"] == 8
    age(credit_world, user, "1 day")
    crowd.at_once([makes(charge(user, Decimal("0.1")))] * 40 + [sweeps(3)] * 3)
    assert balance_of(credit_world, user)["balance"] == 6
    assert len(fetch(credit_world.connection, query, user)) == 2


def test_one_key_from_twenty_connections_is_one_charge_with_one_answer(credit_world: CreditWorld, crowd: Crowd) -> None:
    user = somebody()
    made(credit_world, grant(user, ONE))
    answers = crowd.at_once([makes(charge(user, idempotency_key="k", metadata={"a": 1, "b": 2}))] * 20)
    assert slugs_of(answers) == {}
    receipts = rows_of(answers)
    assert len(receipts) == 20
    assert all(receipt == receipts[0] for receipt in receipts)
    assert balance_of(credit_world, user)["balance"] == 0
    assert len(event_versions(credit_world, user, "usage:logged")) == 1


@pytest.mark.parametrize("function", ["grant_credits", "hold_credits"])
def test_one_key_from_twenty_connections_grants_or_holds_once(
    credit_world: CreditWorld, crowd: Crowd, function: str
) -> None:
    user = somebody()
    made(credit_world, grant(user, Decimal(100)))
    call = Call(function, {"user_id": user, "credits": Decimal(7), "idempotency_key": "k"})
    answers = crowd.at_once([makes(call)] * 20)
    assert slugs_of(answers) == {}
    assert len({row["id"] for row in rows_of(answers)}) == 1
    assert balance_of(credit_world, user)["available"] == {"grant_credits": 107, "hold_credits": 93}[function]


def test_of_two_requests_with_one_key_one_wins_and_the_other_conflicts(credit_world: CreditWorld, crowd: Crowd) -> None:
    user = somebody()
    made(credit_world, grant(user, Decimal(100)))
    one, other = (makes(charge(user, Decimal(n), idempotency_key="k")) for n in (1, 2))
    answers = crowd.at_once([one, other] * 10)
    assert slugs_of(answers) == {"idempotency_conflict": 10}
    assert len({row["usage_log_id"] for row in rows_of(answers)}) == 1
    assert balance_of(credit_world, user)["balance"] in (99, 98)


@pytest.mark.parametrize("seed", range(12))
def test_a_hold_is_settled_released_or_expires_and_nothing_else(
    credit_world: CreditWorld, crowd: Crowd, seed: int
) -> None:
    chance, user = random.Random(seed), somebody()
    made(credit_world, grant(user, Decimal(10)))
    hold = made(credit_world, Call("hold_credits", {"user_id": user, "credits": Decimal(6)}))
    if seed % 3:
        age(credit_world, user, f"{15 * 60 * 1_000_000 - chance.randrange(1_000, 60_000)} microseconds")
    settle = charge(user, Decimal(4), hold_id=hold["id"])
    release = Call("release_hold", {"hold_id": hold["id"]})
    tasks = [makes(settle)] * 8 + [makes(release)] * 8 + [sweeps(6)] * 4
    answers = crowd.at_once(chance.sample(tasks, len(tasks)))
    slugs = slugs_of(answers)
    receipts = [row for row in rows_of(answers) if "usage_log_id" in row]
    stored = fetch(credit_world.connection, "select status from public.credit_holds where id = %s", hold["id"])
    shown = {row["status"] for row in rows_of(answers) if "status" in row}
    final = made(credit_world, release)["status"]
    assert stored in ([{"status": final}], [{"status": "live"}])
    assert slugs == ({"hold_closed": 8 - len(receipts)} if len(receipts) < 8 else {})
    assert len(receipts) == (final == "settled")
    assert shown == {final}
    balance = balance_of(credit_world, user)
    assert (balance["balance"], balance["held"]) == (10 - 4 * len(receipts), 0)


def test_twenty_settlements_of_one_hold_are_one(credit_world: CreditWorld, crowd: Crowd) -> None:
    user = somebody()
    made(credit_world, grant(user, Decimal(10)))
    hold = made(credit_world, Call("hold_credits", {"user_id": user, "credits": Decimal(5)}))
    answers = crowd.at_once([makes(charge(user, Decimal(5), hold_id=hold["id"]))] * 20)
    assert slugs_of(answers) == {"hold_closed": 19}
    answers = crowd.at_once([makes(charge(user, ONE, hold_id=hold["id"], overdraft=True))] * 20)
    assert slugs_of(answers) == {}
    assert balance_of(credit_world, user)["balance"] == -15


def test_holds_of_fifty_connections_reserve_what_there_is_and_no_more(credit_world: CreditWorld, crowd: Crowd) -> None:
    user = somebody()
    made(credit_world, grant(user, Decimal("7.5")))
    answers = crowd.at_once([makes(Call("hold_credits", {"user_id": user, "credits": ONE}))] * 50)
    assert slugs_of(answers) == {"insufficient_credits": 43}
    balance = balance_of(credit_world, user)
    assert (balance["held"], balance["available"]) == (7, Decimal("0.5"))


def test_a_refund_from_ten_connections_gives_back_once(credit_world: CreditWorld, crowd: Crowd) -> None:
    user = somebody()
    made(credit_world, grant(user, Decimal(3)))
    made(credit_world, grant(user, Decimal(3)))
    log = made(credit_world, charge(user, Decimal(8), overdraft=True))["usage_log_id"]
    refund = Call("refund_usage", {"usage_log_id": log, "reason": "twice"})
    answers = crowd.at_once([makes(refund)] * 10)
    assert slugs_of(answers) == {}
    assert all(row == rows_of(answers)[0] for row in rows_of(answers))
    balance = balance_of(credit_world, user)
    assert (balance["balance"], balance["version"]) == (6, 4)


@pytest.mark.parametrize("seed", range(6))
def test_refunds_beside_grants_that_pay_the_overdraft_neither_lose_nor_make_credits(
    credit_world: CreditWorld, crowd: Crowd, seed: int
) -> None:
    chance, user = random.Random(seed), somebody()
    made(credit_world, grant(user, Decimal(5)))
    logs = [made(credit_world, charge(user, Decimal(4), overdraft=True))["usage_log_id"] for _ in range(6)]
    refunds = [makes(Call("refund_usage", {"usage_log_id": log, "reason": "all of them"})) for log in logs * 2]
    grants = [makes(grant(user, Decimal(2))) for _ in range(8)]
    answers = crowd.at_once(chance.sample([*refunds, *grants], 20))
    assert slugs_of(answers) == {}
    assert balance_of(credit_world, user)["balance"] == 5 + 16


@pytest.mark.parametrize("seed", range(12))
def test_webhooks_that_come_twice_and_shuffled_make_one_lot(credit_world: CreditWorld, crowd: Crowd, seed: int) -> None:
    chance, user, reference = random.Random(seed), somebody(), str(uuid.uuid4())
    webhooks = [purchase(user, reference, status) for status in ("pending", "failed", "completed")] * 4
    answers = crowd.at_once([makes(call) for call in chance.sample(webhooks, 12)])
    assert slugs_of(answers) == {}
    assert len({row["id"] for row in rows_of(answers)}) == 1
    query = "select source, credits, remaining from public.credit_grants where user_id = %s"
    lot = {"source": "purchase", "credits": 30, "remaining": 30}
    assert fetch(credit_world.connection, query, user) == [lot]
    assert len(event_versions(credit_world, user, "purchase:completed")) == 1
    refunds = [purchase(user, reference, "refunded", Decimal(n)) for n in (4, 4, 8, 10)]
    answers = crowd.at_once([makes(call) for call in chance.sample([*webhooks, *refunds], 16)])
    assert slugs_of(answers) == {}
    assert fetch(credit_world.connection, query, user) == [{**lot, "remaining": 0}]
    changed = "select payload ->> 'status' as status from realtime.messages where event = 'purchase:changed'"
    told = fetch(credit_world.connection, f"{changed} and payload ->> 'purchase_id' = %s", rows_of(answers)[0]["id"])
    assert Counter(row["status"] for row in told) == {"completed": 1, "refunded": 1}


@pytest.mark.parametrize("seed", range(6))
def test_webhooks_in_any_order_with_a_refund_among_them_end_refunded(
    credit_world: CreditWorld, crowd: Crowd, seed: int
) -> None:
    chance, user, reference = random.Random(seed), somebody(), str(uuid.uuid4())
    webhooks = [purchase(user, reference, status) for status in ("pending", "completed", "refunded")] * 3
    answers = crowd.at_once([makes(call) for call in chance.sample(webhooks, 9)])
    assert slugs_of(answers) == {}
    query = "select status, amount from public.credit_purchases where provider_ref = %s"
    assert fetch(credit_world.connection, query, reference) == [{"status": "refunded", "amount": 10}]
    assert balance_of(credit_world, user)["balance"] == 0
    lots = fetch(credit_world.connection, "select 1 from public.credit_grants where user_id = %s", user)
    assert len(lots) == len(event_versions(credit_world, user, "purchase:completed")) <= 1


def test_one_reference_of_two_users_is_one_purchase(credit_world: CreditWorld, crowd: Crowd) -> None:
    one, other, reference = somebody(), somebody(), str(uuid.uuid4())
    answers = crowd.at_once([makes(purchase(user, reference, "completed")) for user in (one, other) * 10])
    assert slugs_of(answers) == {"idempotency_conflict": 10}
    assert {balance_of(credit_world, user)["balance"] for user in (one, other)} == {0, 30}


@pytest.mark.parametrize("are_new", [False, True])
def test_batches_of_the_same_users_in_opposite_orders_do_not_deadlock(
    credit_world: CreditWorld, crowd: Crowd, are_new: bool
) -> None:
    chance, users = random.Random(are_new), [somebody() for _ in range(12)]
    for user in [] if are_new else users:
        made(credit_world, grant(user, Decimal(100)))

    def batch(order: Sequence[str]) -> Call:
        return Batch.of([charge(user, thread_id="t", overdraft=True, idempotency_key=None) for user in order])

    orders = [users, users[::-1], chance.sample(users, 12), chance.sample(users, 6)] * 8
    singles = [makes(*(charge(user, overdraft=True) for user in order)) for order in orders[:4]]
    answers = crowd.at_once([*[makes(batch(order), batch(order[::-1])) for order in orders], *singles, sweeps(6)])
    assert slugs_of(answers) == {}
    charges = Counter(user for order in [*orders, *orders, *orders[:4]] for user in order)
    for user in users:
        assert balance_of(credit_world, user)["balance"] == (0 if are_new else 100) - charges[user]
        own = [row["version"] for each in answers for a in each for row in a.rows if row["user_id"] == user]
        assert len(own) == len(set(own)) == charges[user]


def test_one_key_in_batches_and_single_calls_at_once_is_one_charge(credit_world: CreditWorld, crowd: Crowd) -> None:
    user = somebody()
    made(credit_world, grant(user, ONE))
    keyed = charge(user, idempotency_key="k")
    free = charge(user, Decimal(0), idempotency_key=None)
    answers = crowd.at_once([makes(Batch.of([free, keyed, free])), makes(Batch.of([keyed, keyed])), makes(keyed)] * 8)
    assert slugs_of(answers) == {}
    receipts = [row for each in answers for answer in each for row in answer.rows if row["credits"] == 1]
    assert len(receipts) == 8 + 16 + 8
    assert all(row == receipts[0] for row in receipts)
    assert balance_of(credit_world, user)["balance"] == 0


def test_of_batches_that_do_not_all_fit_each_is_charged_whole_or_not_at_all(
    credit_world: CreditWorld, crowd: Crowd
) -> None:
    users = [somebody() for _ in range(3)]
    for user, credits in zip(users, (10, 7, 30), strict=True):
        made(credit_world, grant(user, Decimal(credits)))
    batch = Batch.of([charge(user, idempotency_key=None) for user in [*users, users[0]]])
    answers = crowd.at_once([makes(batch)] * 20)
    assert slugs_of(answers) == {"insufficient_credits": 15}
    assert [balance_of(credit_world, user)["balance"] for user in users] == [0, 2, 25]


@pytest.mark.parametrize("seed", range(8))
def test_a_storm_of_everything_adds_up(credit_world: CreditWorld, crowd: Crowd, seed: int) -> None:
    """Three users, lots and holds that run out meanwhile, sweeps, reads, changes of plan."""
    chance, users = random.Random(seed), [somebody() for _ in range(3)]
    add_plan(credit_world.connection, STORMY)
    for user in users:
        made(credit_world, Call("set_account", {"user_id": user, "plan_id": STORMY.id}))
        age(credit_world, user, f"{7_199_000_000 + chance.randrange(950_000)} microseconds")
        made(credit_world, grant(user, Decimal(20)))
    logs = {user: [made(credit_world, charge(user))["usage_log_id"] for _ in range(6)] for user in users}
    answers = crowd.at_once(
        [
            *[makes(*(any_call(chance, chance.choice(users), logs) for _ in range(8))) for _ in range(24)],
            *[sweeps(8)] * 4,
            *[reads(chance.choice(users), 10) for _ in range(4)],
            *[plays(user, 4) for user in users],
            edits_plans(chance.choices(range(50), k=4)),
        ]
    )
    expected = {"insufficient_credits", "idempotency_conflict", "hold_closed", "invalid_argument"}
    assert set(slugs_of(answers)) <= expected
    for user in users:
        versions = event_versions(credit_world, user)
        assert set(range(1, version_of(credit_world, user) + 1)) >= set(versions)
        for each in answers:
            own = [row["version"] for row in rows_of([each]) if row.get("user_id") == user and "balance" in row]
            # A repeated call answers what it did the first time.
            assert len(own) < 2 or max(own) <= version_of(credit_world, user)


def any_call(chance: random.Random, user: str, logs: dict[str, list[str]]) -> Call:
    key = chance.choice([None, None, "a", "b"])
    reference = f"{user}-{chance.choice('xy')}"
    soon = chance.choice(["20 milliseconds", "200 milliseconds", "1 hour"])
    return chance.choice(
        [
            charge(user, Decimal(chance.randrange(9)), thread_id=chance.choice([None, "t"]), idempotency_key=key),
            charge(user, Decimal(chance.randrange(60)), overdraft=True, thread_id="t"),
            Call("record_usage", {"user_id": user, "model": "small", "prompt_tokens": chance.randrange(5000)}),
            Batch.of([charge(one, overdraft=True, idempotency_key=key) for one in chance.sample(list(logs), 3)]),
            grant(user, Decimal(chance.randrange(1, 9)), idempotency_key=key, priority=chance.choice([1, 100])),
            Call("hold_credits", {"user_id": user, "credits": Decimal(2), "ttl": soon, "idempotency_key": key}),
            Call("refund_usage", {"usage_log_id": chance.choice(logs[user]), "reason": "storm"}),
            purchase(user, reference, chance.choice(["pending", "completed", "completed"])),
            purchase(user, reference, "refunded", Decimal(chance.choice([3, 5, 10]))),
            Call("set_account", {"user_id": user, "plan_id": chance.choice(STORMY_PLANS)}),
        ]
    )


def reads(user: str, times: int) -> Task:
    return lambda connection: [Person(connection, user).call("get_credit_balance") for _ in range(times)]


def plays(user: str, times: int) -> Task:
    """Metered sessions beside the charges: they lock the plans first, then the account."""
    calls = [Call("usage_ping", {"active": active}) for active in (True, True, False)] * times
    return lambda connection: [Person(connection, user).make(call) for call in calls]


def edits_plans(credits: Sequence[int]) -> Task:
    def run(connection: Connection) -> list[Answer]:
        for n in credits:
            edit = "update public.plans set credits_per_period = %s, limit_seconds = %s where id = %s"
            connection.execute(edit, (n, 3600 + n, STORMY.id))
        return []

    return run


def test_who_waited_judges_what_was_left(credit_world: CreditWorld, crowd: Crowd) -> None:
    """One charge is open when another comes: it waits, and then finds nothing."""
    one, other, *_ = crowd.connections
    user = somebody()
    made(credit_world, grant(user, ONE))
    with ThreadPoolExecutor(1) as thread, Person(one, "", "service_role").hold(charge(user)) as held:
        waiting = thread.submit(Person(other, "", "service_role").make, charge(user))
        while not waiting.done() and not is_blocked(credit_world, other):
            pass
        assert balance_of(credit_world, user)["balance"] == 1
    assert held[0].row
    assert waiting.result(PATIENCE_S).slug == "insufficient_credits"


def is_blocked(world: CreditWorld, connection: Connection) -> bool:
    return bool(fetch(world.connection, "select pg_blocking_pids(%s) as by", connection.info.backend_pid)[0]["by"])
