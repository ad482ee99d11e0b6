"""Pairs of users who live through the same: one is charged call by call, the other in batches."""

import datetime
import functools
import json
import random
import re
import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.types.json import set_json_loads

from worker.tests.integration.metered_calls import Answer, Person, Row, connect, fetch, install_helpers

NUMBER = re.compile(r'"@([0-9.]+)@"')
OWN = {"usage_log_id", "user_id", "version", "created_at"}  # what the receipts of twins differ in
AMOUNTS = [Decimal(n) for n in ("0", "0.1", "1", "1.00", "2.5", "0.333333333333333333333333333333", "7", "30")]
# Never a whole number of half hours, which is what they are aged by: nothing is due at the instant of a call.
EXPIRIES = [None, None, datetime.timedelta(hours=20.25), datetime.timedelta(hours=44.25)]
BOOKS = {
    "grants": "select id, source, credits, remaining, priority, id in (select grant_id from private.live_lots) as live"
    " from public.credit_grants where user_id = %s order by created_at, source = 'plan' desc, id",
    "logs": "select id, thread_id, kind, model, prompt_tokens, completion_tokens, credits, metadata"
    " from public.usage_logs where user_id = %s order by created_at, id",
    "holds": "select id, credits, status from public.credit_holds where user_id = %s order by created_at, id",
    "lines": "select grant_id, usage_log_id, kind, credits from public.credit_usage where user_id = %s order by id",
    "overdrafts": "select usage_log_id, credits from private.overdrafts where user_id = %s"
    " order by created_at, usage_log_id",
    "threads": "select thread_id, credits, prompt_tokens, completion_tokens, requests from private.thread_totals"
    " where user_id = %s order by thread_id",
    "balance": "select balance, overdraft, held, plan_credits, used from private.credit_balances where user_id = %s",
}


class Refused(Exception):
    """A charge was refused."""


@dataclass
class Twin:
    """One of a pair. What has an id of its own is known by its number, the same for both."""

    connection: psycopg.Connection[Row]
    user_id: str
    ids: dict[str, list[str]] = field(default_factory=dict)

    def call(self, function: str, **arguments: Any) -> Answer:
        return Person(self.connection, "", "service_role").call(function, **arguments)

    def books(self) -> dict[str, Any]:
        """All that is stored of this user."""
        books = {name: fetch(self.connection, query, self.user_id) for name, query in BOOKS.items()}
        self.ids = {name: [row["id"] for row in books[name]] for name in ("grants", "logs", "holds")}
        return {name: self.known(rows) for name, rows in books.items()}

    def known(self, value: Any) -> Any:
        match value:
            case dict():
                return {name: self.known(part) for name, part in value.items()}
            case list():
                return [self.known(part) for part in value]
            case str():
                return next((f"{name} {ids.index(value)}" for name, ids in self.ids.items() if value in ids), value)
            case _:
                return value

    def receipt(self, row: Row) -> Any:
        return self.known({name: value for name, value in row.items() if name not in OWN})

    def entry(self, entry: Row) -> Row:
        """It as this twin's: the user, and the hold that its number stands for; an unknown one beyond the last."""
        own = {"user_id": self.user_id, **entry}
        if "hold_id" in entry:
            own["hold_id"] = [*self.ids["holds"], str(uuid.uuid4())][entry["hold_id"]]
        return own


@dataclass(frozen=True)
class Pair:
    """`one` is charged call by call, `many` in batches."""

    one: Twin
    many: Twin

    @classmethod
    def new(cls, connection: psycopg.Connection[Row]) -> "Pair":
        return cls(*(Twin(connection, f"{kind}-{uuid.uuid4()}") for kind in ("one", "many")))

    def live(self, dice: random.Random) -> None:
        """Something that happens to both alike."""
        amount, clock = dice.choice(AMOUNTS[1:]), datetime.datetime.now(datetime.UTC)
        match dice.choice(["grant"] * 3 + ["hold"] * 3 + ["release", "refund", "age", "plan"]):
            case "grant":
                after = dice.choice(EXPIRIES)
                expires_at, priority = after and clock + after, dice.choice([1, 50, 100])
                self.both("grant_credits", user_id=..., credits=amount, expires_at=expires_at, priority=priority)
            case "hold":
                self.both("hold_credits", user_id=..., credits=amount, ttl=dice.choice(["1.25 hours", "40.25 hours"]))
            case "release" if self.one.ids["holds"]:
                self.both("release_hold", hold_id=("holds", dice.randrange(len(self.one.ids["holds"]))))
            case "refund" if self.one.ids["logs"]:
                log = ("logs", dice.randrange(len(self.one.ids["logs"])))
                self.both("refund_usage", usage_log_id=log, reason="x")
            case "age":
                by = dice.choice(["30 minutes", "7 hours", "26 hours"])
                for twin in (self.one, self.many):
                    fetch(twin.connection, "select tests.age(%s, %s)", twin.user_id, by)
            case "plan":
                self.both("set_account", user_id=..., plan_id=dice.choice(["batched", "free"]))

    def both(self, function: str, **arguments: Any) -> None:
        slugs = [twin.call(function, **mine(twin, arguments)).slug for twin in (self.one, self.many)]
        assert slugs[0] == slugs[1], (function, arguments, slugs)
        self.compare()

    def compare(self) -> None:
        assert self.one.books() == self.many.books()


def mine(twin: Twin, arguments: Row) -> Row:
    def own(value: Any) -> Any:
        match value:
            case tuple():
                return twin.ids[value[0]][value[1]]
            case _:
                return twin.user_id if value is ... else value

    return {name: own(value) for name, value in arguments.items()}


def exact_connection(url: str) -> psycopg.Connection[Row]:
    """One that reads numbers in JSON with all their digits, with the helpers of the tests."""
    connection = connect(url)
    set_json_loads(functools.partial(json.loads, parse_float=Decimal), connection)
    install_helpers(connection)
    return connection


def charge_one_by_one(charges: list[tuple[Pair, Row]]) -> tuple[str | None, list[Any]]:
    """The refusal that undid all, or the receipts."""
    rows = []
    try:
        with charges[0][0].one.connection.transaction():
            for pair, entry in charges:
                answer = pair.one.call("record_usage", **pair.one.entry(entry))
                if answer.row is None:
                    raise Refused(answer.slug)
                rows.append((pair.one, answer.row))
    except Refused as refused:
        return str(refused), []
    return None, told(rows)


def charge_batch(charges: list[tuple[Pair, Row]]) -> tuple[str | None, list[Any]]:
    """The same in one call."""
    entries = [pair.many.entry(entry) for pair, entry in charges]
    numbers = NUMBER.sub(r"\1", json.dumps(entries, default=lambda value: f"@{value}@"))
    answer = charges[0][0].many.call("record_usage_batch", entries=numbers)
    assert (answer.sqlstate or "PT").startswith("PT"), answer
    return answer.slug, told([(pair.many, row) for (pair, _), row in zip(charges, answer.rows, strict=not answer.slug)])


def told(rows: list[tuple[Twin, Row]]) -> list[Any]:
    """Receipts as both twins are told them; each is about its own user."""
    for twin in {id(twin): twin for twin, _ in rows}.values():
        twin.books()
    assert all(row["user_id"] == twin.user_id for twin, row in rows)
    return [twin.receipt(row) for twin, row in rows]
