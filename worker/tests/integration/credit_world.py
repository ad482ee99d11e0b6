"""The database that histories of credits happen in: plans with credits, prices of models, exact numbers in JSON."""

import functools
import json
import uuid
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import psycopg
from psycopg.types.json import set_json_loads

from worker.tests.integration.credit_parts import CreditPlan, decimal_of
from worker.tests.integration.metered_calls import Person, Row, connect, fetch, install_helpers
from worker.tests.integration.metered_periods import DAY, HOUR, Period
from worker.tests.integration.metered_world import SWEEPS_AT_MOST, as_interval

RATES = {
    "small": (Fraction(1, 8), Fraction(1, 2)),
    "large": (Fraction(33, 10), Fraction("13.333333333333333333333")),
    "free": (Fraction(0), Fraction(0)),
}
PLANS = [
    CreditPlan(f"credits-{credits}-{period.exact}", period, Fraction(credits))
    for credits in (0, 10, 25, "0.5")
    for period in (Period(exact=2 * HOUR), Period(exact=DAY))
]


@dataclass(frozen=True)
class CreditWorld:
    connection: psycopg.Connection[Row]
    session_ttl: int
    foreign_hold: str

    @classmethod
    def prepare(cls, url: str) -> "CreditWorld":
        connection = exact_connection(url)
        install_helpers(connection)
        for plan in PLANS:
            add_plan(connection, plan)
        for model, (prompt, completion) in RATES.items():
            add_rate(connection, model, "2001-01-01", Fraction(1000), Fraction(1000))
            add_rate(connection, model, "2002-01-01", prompt, completion)
            add_rate(connection, model, "2900-01-01", Fraction(1000), Fraction(1000))
        add_rate(connection, "not yet", "2900-01-01", Fraction(1), Fraction(1))
        settings = fetch(connection, "select session_ttl from private.settings")[0]
        back_end, stranger = Person(connection, "", "service_role"), somebody()
        back_end.call("grant_credits", user_id=stranger, credits=Decimal(10))
        hold = back_end.call("hold_credits", user_id=stranger, credits=Decimal(1)).row
        assert hold is not None
        return cls(connection, settings["session_ttl"], hold["id"])


def exact_connection(url: str) -> psycopg.Connection[Row]:
    """One that reads numbers in JSON with all their digits."""
    connection = connect(url)
    set_json_loads(functools.partial(json.loads, parse_float=Decimal), connection)
    return connection


def somebody() -> str:
    return f"payer-{uuid.uuid4()}"


def add_plan(connection: psycopg.Connection[Row], plan: CreditPlan) -> None:
    connection.execute(
        "insert into public.plans (id, name, period, credits_per_period) values (%s, %s, %s, %s)"
        " on conflict (id) do nothing",
        (plan.id, plan.id, as_interval(plan.period), decimal_of(plan.credits)),
    )


def add_rate(
    connection: psycopg.Connection[Row], model: str, effective_from: str, prompt: Fraction, completion: Fraction
) -> None:
    connection.execute(
        "insert into public.model_rates values (%s, %s, %s, %s) on conflict do nothing",
        (model, effective_from, decimal_of(prompt), decimal_of(completion)),
    )


def sweep_until_nothing_is_due(connection: psycopg.Connection[Row], batch: int = 100) -> None:
    """Sweeps as the worker does."""
    for _ in range(SWEEPS_AT_MOST):
        swept = fetch(
            connection, "select next_deadline_at, clock_timestamp() as clock from private.run_due(%s)", batch
        )[0]
        if swept["next_deadline_at"] is None or swept["next_deadline_at"] > swept["clock"]:
            return
    raise AssertionError(f"still due after {SWEEPS_AT_MOST} sweeps: {swept}")


def check_ledger(connection: psycopg.Connection[Row]) -> None:
    """Everything that is stored adds up."""
    wrong = fetch(connection, "select * from private.check_ledger()")
    assert wrong == [], wrong
