"""The database that metered histories happen in, and the plans that they are on."""

import uuid
from dataclasses import dataclass

import psycopg

from worker.tests.integration.metered_calls import Person, Row, connect, fetch, install_helpers
from worker.tests.integration.metered_periods import SECOND, Period, Plan

PLANS = [
    Plan(f"model-{limit}-{near_limit}-{exact // SECOND}", Period(exact=exact), limit, near_limit)
    for limit, near_limit in ((None, 1800), (45, 0), (90, 30), (100, 1800), (150, 60), (200, 60), (1, 1), (0, 0))
    for exact in (120_000_000, 200_000_000, 7_200_000_000, 86_400_000_000)
]
SWEEPS_AT_MOST = 5_000  # what somebody else has locked is due until they are done


@dataclass(frozen=True)
class World:
    """The database, with the plans, the helpers and the settings that histories need."""

    connection: psycopg.Connection[Row]
    session_ttl: int
    paused_session_ttl: int
    foreign_session: str

    @classmethod
    def prepare(cls, url: str) -> "World":
        connection = connect(url)
        install_helpers(connection)
        for plan in PLANS:
            add_plan(connection, plan)
        settings = fetch(connection, "select session_ttl, paused_session_ttl from private.settings")[0]
        foreign = Person(connection, f"stranger-{uuid.uuid4()}").call("start_usage_session")
        assert foreign.row is not None
        return cls(connection, settings["session_ttl"], settings["paused_session_ttl"], foreign.row["session_id"])

    def sessions_of(self, user_id: str) -> list[Row]:
        return fetch(self.connection, "select * from public.usage_sessions where user_id = %s", user_id)


def add_plan(connection: psycopg.Connection[Row], plan: Plan) -> None:
    connection.execute(
        "insert into public.plans (id, name, period, limit_seconds, near_limit_seconds) values (%s, %s, %s, %s, %s)"
        " on conflict (id) do nothing",
        (
            plan.id,
            plan.id,
            as_interval(plan.period),
            plan.limit_seconds,
            plan.near_limit_seconds,
        ),
    )


def sweep_until_nothing_is_due(connection: psycopg.Connection[Row], batch: int = 100) -> Row:
    """Sweeps as the worker does; the last answer, with the number of all that were closed."""
    done_count = 0
    for _ in range(SWEEPS_AT_MOST):
        swept = fetch(
            connection,
            "select done_count, next_deadline_at, clock_timestamp() as clock from private.close_due_sessions(%s)",
            batch,
        )[0]
        done_count += swept["done_count"]
        if swept["next_deadline_at"] is None or swept["next_deadline_at"] > swept["clock"]:
            return {**swept, "done_count": done_count}
    raise AssertionError(f"still due after {SWEEPS_AT_MOST} sweeps: {swept}")


def as_interval(period: Period) -> str:
    return f"{period.months} months {period.exact} microseconds"
