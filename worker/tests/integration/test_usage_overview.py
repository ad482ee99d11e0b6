"""The administrators' page against a plain reckoning of the same accounts and logs, in random worlds."""

import datetime
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from worker.tests.integration.metered_crowd import Connection
from worker.tests.integration.metered_world import World

PEOPLE = (0, 1, 40, 40, 40)  # of so many worlds
PAGES_PER_WORLD = 80
DAY = datetime.timedelta(days=1)
SORTS = ("last_active", "credits", "tokens", "requests", "revenue", "name")
SEARCHES = (None, "a", "ab", "EXAMPLE.org", "%", "_", "nobody at all", "user-1")
# Others' rows are out of sight until the rollback.
EMPTY = """delete from public.usage_logs; delete from public.account_usage; delete from private.overview_totals;
    delete from private.overview_changes; update private.rollup_watermark set counted_until = '3'"""
SET_ACCOUNT = """select public.set_account(%s, email => %s, display_name => %s, user_type => %s)"""
LOG = """insert into public.usage_logs
    (id, user_id, kind, prompt_tokens, completion_tokens, credits, metadata, created_at, xact_id)
    values (gen_random_uuid(), %s, 'completion', %s, %s, %s, '{}', %s,
        coalesce(%s::text::xid8, pg_current_xact_id()))"""
PAGE = """select * from public.get_usage_overview(%(page)s, %(page_size)s, %(search)s, %(user_type)s, %(activity)s,
    %(sort)s)"""


@dataclass
class Somebody:
    """An account, and what it used and paid."""

    user_id: str
    email: str | None
    display_name: str | None
    user_type: str
    requests: int = 0
    tokens: int = 0
    credits: Decimal = Decimal(0)
    last_active_at: datetime.datetime | None = None
    revenue: dict[str, Decimal] = field(default_factory=dict)

    def row(self, now: datetime.datetime) -> dict[str, Any]:
        return {
            "user_id": self.user_id,
            "email": self.email,
            "display_name": self.display_name,
            "user_type": self.user_type,
            "plan_id": "free",
            "requests": self.requests,
            "total_tokens": self.tokens,
            "credits": self.credits,
            "last_active_at": self.last_active_at,
            "activity": self.activity(now),
            "has_completed_payment": bool(self.revenue),
            "revenue": self.revenue,
        }

    def activity(self, now: datetime.datetime) -> str:
        idle_for = now - self.last_active_at if self.last_active_at else 31 * DAY
        return "active" if idle_for <= 7 * DAY else "idle" if idle_for <= 30 * DAY else "dormant"

    def matches(self, asked: dict[str, Any], now: datetime.datetime) -> bool:
        texts = [text.lower() for text in (self.user_id, self.email, self.display_name) if text is not None]
        return (
            (asked["search"] is None or any(asked["search"].lower() in text for text in texts))
            and asked["user_type"] in (None, self.user_type)
            and asked["activity"] in (None, self.activity(now))
        )

    def rank(self, sort: str) -> tuple[Any, str]:
        names = (name for name in (self.display_name, self.email, self.user_id) if name is not None)
        last_active = self.last_active_at.timestamp() if self.last_active_at else float("-inf")
        ranks: dict[str, Any] = {
            "name": next(names).lower(),
            "last_active": -last_active,
            "credits": -self.credits,
            "tokens": -self.tokens,
            "requests": -self.requests,
            "revenue": -sum(self.revenue.values()),
        }
        return ranks[sort], self.user_id


def page_of(people: list[Somebody], asked: dict[str, Any], now: datetime.datetime) -> dict[str, Any]:
    """The answer, reckoned by hand."""
    found = sorted((one for one in people if one.matches(asked, now)), key=lambda one: one.rank(asked["sort"]))
    skip = (asked["page"] - 1) * asked["page_size"]
    currencies = {currency for one in found for currency in one.revenue}
    return {
        "rows": [one.row(now) for one in found[skip : skip + asked["page_size"]]],
        "total_rows": len(found),
        "total_users": len(people),
        "total_requests": sum(one.requests for one in found),
        "total_tokens": sum(one.tokens for one in found),
        "total_credits": sum((one.credits for one in found), Decimal(0)),
        "total_revenue": {c: sum((one.revenue.get(c, Decimal(0)) for one in found), Decimal(0)) for c in currencies},
    }


@pytest.fixture
def connection(world: World) -> Iterator[Connection]:
    """A world of its own, gone afterwards."""
    with world.connection.transaction(force_rollback=True):
        world.connection.execute(EMPTY)
        yield world.connection


def settle_down(connection: Connection, count: int, chance: random.Random) -> list[Somebody]:
    """People who used and paid something; most of it is counted, some is not."""
    people = [
        Somebody(
            f"user-{number:02}",
            chance.choice([None, f"{name(chance)}@example.org", f"{name(chance)}_{number}@example.com"]),
            chance.choice([None, name(chance), name(chance).title(), "100% " + name(chance)]),
            chance.choice(["internal", "external", "external"]),
        )
        for number in range(count)
    ]
    for one in people:
        connection.execute(SET_ACCOUNT, [one.user_id, one.email, one.display_name, "external"])
        if chance.random() < 0.3:
            pay(connection, one, chance)
    counted, uncounted = chance.choice([0, 200, 200]), chance.choice([0, 1, 30, 100])
    for number in range(counted + uncounted):
        if number == counted:
            connection.execute("select private.roll_up_usage(100000)")
        if people:
            use(connection, chance.choice(people), chance, "7" if number < counted else None)
    for one in people:
        connection.execute(SET_ACCOUNT, [one.user_id, None, None, one.user_type])
    return people


def name(chance: random.Random) -> str:
    return "".join(chance.choices("abc", k=3))


def use(connection: Connection, one: Somebody, chance: random.Random, xact_id: str | None) -> None:
    tokens, price = chance.randint(0, 3), Decimal(chance.choice(["0", "0.5", "1", "2.25"]))
    ago = datetime.timedelta(hours=chance.choice([1, 30, 167, 169, 719, 721, 2000]))
    at = datetime.datetime.now(datetime.UTC) - ago
    connection.execute(LOG, [one.user_id, tokens, 1, price, at, xact_id])
    one.requests += 1
    one.tokens += tokens + 1
    one.credits += price
    one.last_active_at = max(at, one.last_active_at or at)


def pay(connection: Connection, one: Somebody, chance: random.Random) -> None:
    currency, amount = chance.choice(["EUR", "USD"]), Decimal(chance.choice(["9.99", "100", "0.5"]))
    connection.execute("select private.add_revenue(%s, %s, %s, 1)", [one.user_id, currency, amount])
    one.revenue[currency] = one.revenue.get(currency, Decimal(0)) + amount


def ask(connection: Connection, asked: dict[str, Any]) -> dict[str, Any]:
    row = connection.execute(f"select to_jsonb(answer)::text as answer from ({PAGE}) as answer", asked).fetchone()
    assert row is not None
    answer: dict[str, Any] = json.loads(row["answer"], parse_float=Decimal)
    answer.pop("fresh_as_of")
    for one in answer["rows"]:
        if one["last_active_at"]:
            one["last_active_at"] = datetime.datetime.fromisoformat(one["last_active_at"])
    return answer


@pytest.mark.parametrize("count", PEOPLE)
def test_each_page_is_what_a_plain_reckoning_says(connection: Connection, count: int) -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    people = settle_down(connection, count, chance)
    connection.execute("select set_config('request.jwt.claims', '{\"role\": \"service_role\"}', true)")
    for _ in range(PAGES_PER_WORLD):
        is_filtered = chance.random() < 0.5
        asked = {
            "page": chance.choice([1, 1, 2, 3, 4, 7, 10**6]),
            "page_size": chance.choice([1, 3, 10, 20, 200]),
            "search": chance.choice(SEARCHES) if is_filtered else None,
            "user_type": chance.choice([None, None, "internal", "external"]),
            "activity": chance.choice([None, "active", "idle", "dormant"]) if is_filtered else None,
            "sort": chance.choice(SORTS),
        }
        expected = page_of(people, asked, datetime.datetime.now(datetime.UTC))
        assert ask(connection, asked) == expected, (seed, asked)
