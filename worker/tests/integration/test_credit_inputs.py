"""No input that the parameter types admit gets an untyped error out of what charges and grants."""

import datetime
import random
import string
from decimal import Decimal
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from worker.tests.integration.credit_world import CreditWorld, check_ledger, somebody
from worker.tests.integration.metered_calls import Call, Person, fetch

ROUNDS = 150
NOBODY = "00000000-0000-4000-8000-000000000000"
ALPHABET = string.ascii_letters + "åß漢字𝔘𝕏🦊🐙"


class Unread(Call):
    """Python's calendar ends long before PostgreSQL's."""

    def sql(self) -> str:
        return super().sql().replace("select *", "select 1 as done", 1)


def long_text(chance: random.Random, length: int) -> str:
    """Of four bytes a character, and not to be compressed into an index entry."""
    return "".join(chr(chance.randrange(0x10000, 0x10FFFF)) for _ in range(length))


def texts(chance: random.Random) -> str | None:
    short = "".join(chance.choices(ALPHABET, k=chance.randrange(1, 12)))
    odd = chance.choice(["", " ", "\n", "%", "\\", "'", '"', "null", "EUR", "completed", "refunded", "small"])
    lengths = 255, 256, 257, 511, 512, 513, 20_000
    return chance.choice([None, short, short, odd, odd, long_text(chance, chance.choice(lengths))])


def numbers(chance: random.Random) -> Decimal | None:
    small = Decimal(chance.randrange(1, 50))
    edges = [
        "0",
        "-0",
        "-1",
        "NaN",
        "Infinity",
        "-Infinity",
        "1e99",
        "1e100",
        "1e-100",
        "1e-101",
        "1e-16383",
        "1e131000",
    ]
    return chance.choice([None, small, small, small, small, Decimal(chance.choice(edges))])


def whole_numbers(chance: random.Random) -> int | None:
    return chance.choice([None, 0, 1, -1, 2**31 - 1, -(2**31), 1000, 1000])


def raw(*values: str) -> Any:
    """As text, so that what Python cannot hold reaches the database too."""
    return lambda chance: chance.choice([None, *values])


OBJECTS: list[Any] = [{}, {"a": 1}, {"a": "x" * 17_000}, [], [1], 1, "x", None, True, {"🦊": {"deep": [[[]]]}}]
times = raw("infinity", "-infinity", "2999-01-01", "1999-01-01", "4713-01-01 BC", "294276-12-31")
durations = raw(
    "0", "-1 day", "1 microsecond", "1 month", "1 month -30 days", "1 month -31 days", "100 years", "101 years",
    "178000000 years", "-178000000 years", "1 day -23:59:59.999999",
)  # fmt: skip
PARAMETERS: dict[str, Any] = {
    "credits": numbers,
    "amount": numbers,
    "prompt_tokens": whole_numbers,
    "completion_tokens": whole_numbers,
    "priority": whole_numbers,
    "metadata": lambda chance: Jsonb(chance.choice(OBJECTS)),
    "overdraft": lambda chance: chance.choice([True, True, False, None]),
    "ttl": durations,
    "expires_at": times,
    "credits_expire_at": times,
    "hold_id": raw(NOBODY),
    "usage_log_id": raw(NOBODY),
    "status": lambda chance: chance.choice(["pending", "failed", "completed", "refunded", "paid", None]),
    "currency": lambda chance: chance.choice(["EUR", "EUR", "EUR", "eur", "", "EURO", "ÉUR", "EU\n", None]),
}
FUNCTIONS: dict[str, tuple[str, ...]] = {
    "record_usage": (
        "user_id", "credits", "model", "prompt_tokens", "completion_tokens", "thread_id", "kind", "metadata",
        "idempotency_key", "hold_id", "overdraft",
    ),
    "hold_credits": ("user_id", "credits", "ttl", "idempotency_key"),
    "release_hold": ("hold_id",),
    "refund_usage": ("usage_log_id", "reason"),
    "grant_credits": ("user_id", "credits", "source", "expires_at", "priority", "idempotency_key"),
    "record_purchase": (
        "user_id", "credits", "amount", "currency", "provider", "provider_ref", "status", "credits_expire_at",
    ),
}  # fmt: skip
REQUIRED: dict[str, dict[str, Any]] = {
    "record_usage": {"user_id": "", "credits": Decimal(1)},
    "hold_credits": {"user_id": "", "credits": Decimal(1)},
    "release_hold": {"hold_id": NOBODY},
    "refund_usage": {"usage_log_id": NOBODY, "reason": "odd"},
    "grant_credits": {"user_id": "", "credits": Decimal(1)},
    "record_purchase": {
        "user_id": "", "credits": Decimal(1), "amount": Decimal(1), "currency": "EUR", "provider": "bank",
        "provider_ref": "", "status": "completed",
    },
}  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_input_is_answered_or_refused_with_a_slug(credit_world: CreditWorld, function: str) -> None:
    chance, person = random.Random(function), Person(credit_world.connection, "", "service_role")
    outcomes: set[str | None] = set()
    for _ in range(ROUNDS):
        users = somebody(), long_text(chance, 256)
        usual = {name: value or chance.choice(users) for name, value in REQUIRED[function].items()}
        odd = chance.sample(FUNCTIONS[function], min(chance.randrange(4), len(FUNCTIONS[function])))
        arguments = {**usual, **{name: PARAMETERS.get(name, texts)(chance) for name in odd}}
        answer = person.make(Unread(function, arguments))
        assert answer.sqlstate is None or answer.sqlstate.startswith("PT"), (answer, arguments)
        outcomes.add(answer.slug)
    assert {"invalid_argument"} < outcomes
    check_ledger(credit_world.connection)


def test_the_longest_texts_that_are_admitted_are_stored_and_found_again(credit_world: CreditWorld) -> None:
    chance, person = random.Random(1), Person(credit_world.connection, "", "service_role")
    user, key, thread = long_text(chance, 256), long_text(chance, 512), long_text(chance, 512)
    charge = {"user_id": user, "credits": Decimal(3), "thread_id": thread, "kind": thread, "overdraft": True}
    one, again = (person.call("record_usage", **charge, idempotency_key=key) for _ in range(2))
    assert one.row
    assert one.row == again.row
    bought = {"user_id": user, "credits": Decimal(5), "amount": Decimal(1), "currency": "EUR", "status": "completed"}
    two = [person.call("record_purchase", **bought, provider=thread, provider_ref=key) for _ in range(2)]
    assert two[0].row
    assert two[0].row == two[1].row
    refunded = person.call("refund_usage", usage_log_id=one.row["usage_log_id"], reason=key)
    assert refunded.row
    assert refunded.row["balance"] == 5


def test_several_calls_in_one_statement_see_each_other(credit_world: CreditWorld) -> None:
    user = somebody()
    Person(credit_world.connection, "", "service_role").call("grant_credits", user_id=user, credits=Decimal(3))
    charge = "select r.balance, r.version from generate_series(1, 3), public.record_usage(%s, 1 + 0 * generate_series)"
    rows = fetch(credit_world.connection, f"{charge} as r", user)
    assert [(row["balance"], row["version"]) for row in rows] == [(2, 2), (1, 3), (0, 4)]
    check_ledger(credit_world.connection)


def test_a_keyed_grant_is_answered_again_after_its_expiry(credit_world: CreditWorld) -> None:
    user, person = somebody(), Person(credit_world.connection, "", "service_role")
    clock = fetch(credit_world.connection, "select clock_timestamp() + interval '30 milliseconds' as soon")[0]["soon"]
    soon = datetime.datetime.fromtimestamp(clock / 1_000_000, datetime.UTC).replace(microsecond=clock % 1_000_000)
    grant = {"user_id": user, "credits": Decimal(2), "expires_at": soon, "idempotency_key": "k"}
    first = person.call("grant_credits", **grant)
    while person.call("release_hold", hold_id=NOBODY).after <= clock:
        pass
    assert first.row
    assert person.call("grant_credits", **grant).row == first.row
    assert person.call("grant_credits", **{**grant, "idempotency_key": "new"}).slug == "invalid_argument"
    assert person.call("grant_credits", **{**grant, "credits": Decimal(3)}).slug == "idempotency_conflict"


def test_a_read_before_the_first_call_is_that_of_a_new_account_and_writes_nothing(credit_world: CreditWorld) -> None:
    user = somebody()
    zero = dict.fromkeys(("balance", "held", "available", "expiring_next", "used_this_period", "version"), 0)
    assert Person(credit_world.connection, user).call("get_credit_balance").row == {**zero, "expires_next_at": None}
    assert fetch(credit_world.connection, "select 1 from public.accounts where user_id = %s", user) == []


@pytest.mark.parametrize(
    ("metadata", "other"),
    [
        ({"a": {"b": 1}, "c": 2}, {"a": {"b": 1, "c": 2}}),
        ({"a": [[1], 2]}, {"a": [1, [2]]}),
        ({"a": [1, *[0] * 31, 1]}, {"a": [2, *[0] * 31, 2]}),
        ({"a": [1, *[0] * 31, 2]}, {"a": [2, *[0] * 31, 1]}),
        ({"a": "1"}, {"a": 1}),
        ({"a": None}, {}),
        ({"a": [True]}, {"a": [1]}),
        ({"a": [[]]}, {"a": [{}]}),
        ({"a": "1.0"}, {"a": "1"}),
        ({"a": '"1.0'}, {"a": '"1'}),
        ({"a": 10}, {"a": 1}),
        ({"a": 1.05}, {"a": 1.5}),
    ],
)
def test_a_key_is_of_one_request_down_to_the_shape_of_its_metadata(
    credit_world: CreditWorld, metadata: dict[str, Any], other: dict[str, Any]
) -> None:
    person, charge = Person(credit_world.connection, "", "service_role"), {"user_id": somebody(), "credits": Decimal(0)}
    first = person.call("record_usage", **charge, metadata=metadata, idempotency_key="k")
    assert first.row
    assert person.call("record_usage", **charge, metadata=other, idempotency_key="k").slug == "idempotency_conflict"
    assert person.call("record_usage", **charge, metadata=metadata, idempotency_key="k").row == first.row


def test_a_key_is_of_one_request_however_its_numbers_are_spelt(credit_world: CreditWorld) -> None:
    user, person = somebody(), Person(credit_world.connection, "", "service_role")
    person.call("grant_credits", user_id=user, credits=Decimal(10))
    spellings = [
        (Decimal("1"), '{"a": [1, 2.5, -1e3], "b": {"c": 0, "d": 1}}'),
        (Decimal("1.000"), '{"b": {"d": 1.0, "c": -0.00}, "a": [1.00, 2.50, -1000.0]}'),
        (Decimal("1e0"), '{"b": {"c": 0e5, "d": 10e-1}, "a": [1, 25e-1, -1000]}'),
    ]
    rows = [
        person.call("record_usage", user_id=user, credits=credits, metadata=metadata, idempotency_key="k").row
        for credits, metadata in spellings
    ]
    assert rows[0]
    assert rows == [rows[0]] * 3
