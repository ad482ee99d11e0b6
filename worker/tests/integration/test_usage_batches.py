"""A batch of usage does what its entries do one by one, and batches never wait for each other in a circle."""

import json
import random
import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest

from local_stack.config import Stack
from worker.tests.integration import usage_twins
from worker.tests.integration.metered_calls import Answer, Person, Row, fetch
from worker.tests.integration.metered_crowd import Connection, Crowd
from worker.tests.integration.usage_twins import AMOUNTS, Pair

STEPS = 8
LOOKED_UP = {"hold_not_found", "rate_not_found", "idempotency_conflict"}  # a batch tells these of any entry first


@pytest.fixture(scope="module")
def connection(stack: Stack) -> Iterator[psycopg.Connection[Row]]:
    with usage_twins.exact_connection(stack.db_url) as connection:
        connection.execute("insert into public.model_rates values ('batched', '2001-01-01', 0.7, 1.1)")
        connection.execute(
            "insert into public.plans (id, name, period, credits_per_period) values ('batched', 'x', '1 day', 12.5)"
        )
        yield connection


def entry(dice: random.Random, pair: Pair, is_admitted: bool) -> Row:
    """What somebody might have used."""
    entry: Row = {"prompt_tokens": dice.randrange(3000), "overdraft": is_admitted or dice.random() < 0.5}
    if dice.random() < 0.7:
        entry["credits"] = dice.choice(AMOUNTS)
    else:
        entry["model"] = dice.choice(["batched"] * 20 + ["nobody's"] * (not is_admitted))
    if dice.random() < 0.6:
        entry["thread_id"] = dice.choice(["a", "b"])
    if dice.random() < 0.5 and pair.one.ids["holds"]:
        known = len(pair.one.ids["holds"])
        # Mostly the last, which is likely to be live; beyond it is an unknown one.
        entry["hold_id"] = dice.choice([known - 1] * 15 + [*range(known)] + [known] * (not is_admitted))
    if dice.random() < 0.4:
        # The same key mostly means the same request.
        entry["idempotency_key"] = key = str(dice.randrange(40))
        again = random.Random(key)
        entry |= {"credits": again.choice(AMOUNTS), "overdraft": True, "prompt_tokens": again.randrange(50)}
        entry = {name: entry[name] for name in ("credits", "overdraft", "prompt_tokens", "idempotency_key")}
        entry["prompt_tokens"] += dice.random() < 0.01 and not is_admitted
    return entry


@pytest.mark.parametrize("seed", range(25))
def test_a_batch_is_its_entries_one_by_one(connection: psycopg.Connection[Row], seed: int) -> None:
    dice = random.Random(seed)
    pairs = [Pair.new(connection) for _ in range(3)]
    for _ in range(STEPS):
        for pair in dice.choices(pairs, k=4):
            pair.compare()
            pair.live(dice)
        for pair in pairs:
            pair.compare()
        people = dice.choices(pairs, k=dice.choice([1, 2, 5, 12]))
        is_admitted = dice.random() < 0.5  # else large ones would hardly ever be
        charges = [(pair, entry(dice, pair, is_admitted)) for pair in people]
        slug, receipts = usage_twins.charge_one_by_one(charges)
        batch_slug, batch_receipts = usage_twins.charge_batch(charges)
        assert batch_slug == slug or (slug and batch_slug in LOOKED_UP), (slug, batch_slug, charges)
        assert batch_receipts == receipts, charges
        for pair in pairs:
            pair.compare()
    everybody = [twin.user_id for pair in pairs for twin in (pair.one, pair.many)]
    assert not fetch(connection, "select * from private.check_ledger() where user_id = any(%s)", everybody)


def batch_of(users: list[str], rounds: int, **more: str) -> Callable[[Connection], list[Answer]]:
    entries = json.dumps([{"user_id": user_id, "credits": 1, "overdraft": True, **more} for user_id in users])
    return lambda own: [
        Person(own, "", "service_role").call("record_usage_batch", entries=entries) for _ in range(rounds)
    ]


def single_of(user_id: str, rounds: int) -> Callable[[Connection], list[Answer]]:
    return lambda own: [
        Person(own, "", "service_role").call("record_usage", user_id=user_id, credits=1, overdraft=True)
        for _ in range(rounds)
    ]


@pytest.mark.parametrize("are_new", [True, False])
def test_batches_in_opposite_orders_never_wait_in_a_circle(
    connection: psycopg.Connection[Row], crowd: Crowd, are_new: bool
) -> None:
    users = [f"crossed-{uuid.uuid4()}" for _ in range(40)]
    if not are_new:
        fetch(connection, "select public.grant_credits(user_id, 5) from unnest(%s::text[]) as user_id", users)
    tasks = [batch_of(users[::step], 5) for step in (1, -1, 2, -2, 3, -3)] * 2
    tasks += [single_of(user_id, 5) for user_id in users[:4]]
    answers = [answer for made in crowd.at_once(tasks) for answer in made]
    assert {answer.sqlstate for answer in answers} == {None}
    charged = fetch(connection, "select count(*) as n from public.usage_logs where user_id = any(%s)", users)[0]["n"]
    assert charged == sum(len(answer.rows) for answer in answers)
    assert not fetch(connection, "select * from private.check_ledger() where user_id = any(%s)", users)


def test_one_key_in_many_batches_at_once_is_one_charge(connection: psycopg.Connection[Row], crowd: Crowd) -> None:
    users = [f"keyed-{uuid.uuid4()}" for _ in range(10)]
    tasks = [batch_of(users[::-1] * 2, 2, idempotency_key="x"), batch_of(users, 2, idempotency_key="x")] * 10
    answers = [answer for made in crowd.at_once(tasks) for answer in made]
    assert {answer.sqlstate for answer in answers} == {None}
    receipts = {str(row) for answer in answers for row in answer.rows}
    assert len(receipts) == len(users)
    logged = fetch(connection, "select user_id from public.usage_logs where user_id = any(%s)", users)
    assert sorted(row["user_id"] for row in logged) == sorted(users)
    assert not fetch(connection, "select * from private.check_ledger() where user_id = any(%s)", users)
