"""Calls of the functions that charge and grant, replayed on the model, and their answers in its terms."""

import copy
import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from psycopg.types.json import Jsonb

from worker.tests.integration.credit_model import CreditModel, Repeated, Request, Unexplained
from worker.tests.integration.metered_calls import Call, Row, plain_value
from worker.tests.integration.metered_model import Refused

TIMES = frozenset({"created_at", "expires_at", "refunded_at", "completed_at", "expires_next_at"})
MINUTE = datetime.timedelta(minutes=1)
DEFAULTS: dict[str, dict[str, Any]] = {
    "record_usage": {
        "credits": None,
        "model": None,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "thread_id": None,
        "kind": "completion",
        "metadata": {},
        "hold_id": None,
        "overdraft": False,
    },
    "hold_credits": {"ttl": 15 * MINUTE},
    "grant_credits": {"source": "adjustment", "expires_at": None, "priority": 100},
    "record_purchase": {"credits_expire_at": None},
}


@dataclass(frozen=True)
class Batch(Call):
    """Charges in one call."""

    charges: tuple[Call, ...] = ()

    @classmethod
    def of(cls, charges: Sequence[Call]) -> "Batch":
        entries = ", ".join(json_of(charge.arguments) for charge in charges)
        return cls("record_usage_batch", {"entries": f"[{entries}]"}, tuple(charges))


def json_of(value: Any) -> str:
    """With all digits of a number."""
    match value:
        case Decimal():
            return f"{value:f}"
        case Mapping():
            return "{" + ", ".join(f"{json.dumps(name)}: {json_of(one)}" for name, one in value.items()) + "}"
        case _:
            return json.dumps(value)


@dataclass(frozen=True)
class Replay:
    """One call on one model, whose instants are `shift` later than the database's."""

    model: CreditModel
    call: Call
    shift: int

    def __call__(self, at: int, row: Row | None) -> Any:
        """What the model answers at that instant. Raises Refused, Repeated."""
        if isinstance(self.call, Batch):
            raise TypeError("a batch has many answers")
        deeds: dict[str, Callable[[int, Row | None], Any]] = {
            "record_usage": self.record_usage,
            "hold_credits": self.hold_credits,
            "release_hold": lambda at, _: self.model.release(at, self.call.arguments["hold_id"]),
            "refund_usage": lambda at, _: self.model.refund(at, self.call.arguments["usage_log_id"]),
            "grant_credits": self.grant_credits,
            "record_purchase": self.record_purchase,
            "get_credit_balance": lambda at, _: self.model.credit_balance(at),
        }
        key, request = self.call.arguments.get("idempotency_key"), request_of(self.call)
        if self.call.function in ("record_usage", "hold_credits", "grant_credits"):
            self.check_amount(is_zero_fine=self.call.function == "record_usage")
            self.model.once(key, request)
        answer = deeds[self.call.function](at, row)
        self.model.remember(key, request, row)
        if self.call.function == "refund_usage":
            self.model.refunds[self.call.arguments["usage_log_id"]] = row
        return answer

    def check_amount(self, *, is_zero_fine: bool) -> None:
        credits = self.call.arguments.get("credits")
        if credits is None:
            if not is_zero_fine or self.call.arguments.get("model") is None:
                raise Refused("invalid_argument")
        elif credits < 0 or (credits == 0 and not is_zero_fine):
            raise Refused("invalid_argument")

    def given(self) -> dict[str, Any]:
        return {**DEFAULTS[self.call.function], **{n: in_model(v) for n, v in self.call.arguments.items()}}

    def instant(self, value: int | None) -> int | None:
        return None if value is None else value + self.shift

    def record_usage(self, at: int, row: Row | None) -> Any:
        given = self.given()
        return self.model.charge(
            at,
            credits=given["credits"],
            model=given["model"],
            tokens=(given["prompt_tokens"], given["completion_tokens"]),
            thread_id=given["thread_id"],
            hold_id=given["hold_id"],
            overdraft=given["overdraft"],
            row=row,
        )

    def hold_credits(self, at: int, row: Row | None) -> Any:
        given = self.given()
        return self.model.hold(at, given["credits"], plain_value(given["ttl"]), row)

    def grant_credits(self, at: int, row: Row | None) -> Any:
        given = self.given()
        return self.model.grant(
            at,
            credits=given["credits"],
            source=given["source"],
            expires_at=self.instant(given["expires_at"]),
            priority=given["priority"],
            row=row,
        )

    def record_purchase(self, at: int, row: Row | None) -> Any:
        given = self.given()
        return self.model.purchase(
            at,
            ref=given["provider_ref"],
            user_id=given["user_id"],
            credits=given["credits"],
            amount=given["amount"],
            currency=given["currency"],
            status=given["status"],
            expires_at=self.instant(given["credits_expire_at"]),
            row=row,
        )


def replay(model: CreditModel, call: Call, shift: int, at: int, rows: Sequence[Row]) -> list[Any]:
    """What the model answers, row by row; a row that is Repeated is as it was the first time."""
    if not isinstance(call, Batch):
        return [Replay(model, call, shift)(at, rows[0] if rows else None)]
    if rows and len(rows) != len(call.charges):
        raise Unexplained(f"{len(rows)} receipts of {len(call.charges)} entries")
    answers: list[Any] = []
    slugs = ["idempotency_conflict"] if disagrees_with_itself(call.charges) else []
    known: Sequence[Row | None] = rows or [None] * len(call.charges)
    for charge, row in zip(call.charges, known, strict=True):
        before = copy.deepcopy(model) if not model.is_in_batch else None
        try:
            if before is not None:
                model.touch(at)
                model.is_in_batch = True
            answers.append(Replay(model, charge, shift)(at, row))
        except Repeated as repeated:
            answers.append(repeated)
            if before is not None:
                vars(model).update(vars(before))
        except Refused as refused:
            slugs += refused.slugs
    model.may_settle = not model.is_in_batch
    if slugs:
        raise Refused(*slugs)  # which of them is the first is left open
    if model.is_in_batch:
        model.tell(at)
    model.is_in_batch = False
    return answers


def disagrees_with_itself(charges: Sequence[Call]) -> bool:
    """Whether two entries of a batch have one key and are different requests."""
    keyed = {request_of(charge) for charge in charges if charge.arguments["idempotency_key"] is not None}
    return len(keyed) > len({charge.arguments["idempotency_key"] for charge in charges} - {None})


def request_of(call: Call) -> Request:
    """What two calls have in common when they are the same request: their values after defaults."""
    given = {**DEFAULTS.get(call.function, {}), **call.arguments}
    return call.function, *sorted((name, repr(in_model(value))) for name, value in given.items())


def in_model(value: Any) -> Any:
    """Amounts as fractions, times and durations as microseconds."""
    match value:
        case Jsonb():
            return in_model(value.obj)
        case Decimal():
            return Fraction(value)
        case Mapping():
            return {name: in_model(value[name]) for name in sorted(value)}
        case _:
            return plain_value(value)


def in_terms_of_the_model(row: Row, shift: int) -> Row:
    """A row as the model would give it."""
    return {name: term_of(name, value, shift) for name, value in row.items()}


def term_of(name: str, value: Any, shift: int) -> Any:
    if name == "lots" and value is not None:
        return [(lot["grant_id"], Fraction(lot["credits"])) for lot in value]
    if name in TIMES:
        if isinstance(value, str):
            value = plain_value(datetime.datetime.fromisoformat(value))
        return None if value is None else value + shift
    return Fraction(value) if isinstance(value, Decimal) else value
