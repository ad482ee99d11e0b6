"""Random histories of one user's credits equal the reference model, to the last digit and the microsecond."""

import datetime
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.tests.integration.credit_calls import DEFAULTS, Batch
from worker.tests.integration.credit_history import CreditHistory
from worker.tests.integration.credit_parts import CreditPlan, decimal_of
from worker.tests.integration.credit_world import PLANS, CreditWorld
from worker.tests.integration.metered_calls import Call
from worker.tests.integration.metered_periods import DAY, HOUR, MINUTE, SECOND, instant_of

NOBODY = "00000000-0000-4000-8000-000000000000"
TINY = Fraction(1, 10**40)
Step = tuple[Any, ...]


GIFT: Step = ("grant", "10", None, 100, "gift")
CHARGE: Step = ("charge", "3", "t1", False, None, "charge")
MUCH: Step = ("charge", "50", "t1", True, None, None)
DUE: dict[str, list[Step]] = {
    "a lot ran out": [GIFT, ("grant", "5", MINUTE, 1, None), CHARGE, ("silence", MINUTE + 20 * SECOND)],
    "the last lot ran out": [("grant", "5", MINUTE, 1, None), CHARGE, ("silence", MINUTE + 20 * SECOND)],
    "a hold ran out": [GIFT, CHARGE, ("hold", "4", MINUTE, "hold"), ("silence", MINUTE + 20 * SECOND)],
    "a lot beneath a hold ran out": [
        ("grant", "30", MINUTE, 1, None),
        CHARGE,
        ("hold", "20", HOUR, "hold"),
        ("silence", MINUTE + 20 * SECOND),
    ],
    "a period ended": [GIFT, CHARGE, ("silence", 2 * HOUR + 20 * SECOND)],
    "a period ended overdrawn": [MUCH, CHARGE, MUCH, ("silence", 2 * HOUR + 20 * SECOND)],
    "three periods ended": [GIFT, CHARGE, ("hold", "4", HOUR, "hold"), ("silence", 7 * HOUR)],
    "a purchase ran out": [("purchase", "one", "completed", "10", MINUTE), CHARGE, ("silence", MINUTE + 20 * SECOND)],
    "a session ended": [GIFT, CHARGE, ("metered",), ("silence", 3 * MINUTE)],
}
NEXT: list[Step] = [
    ("charge", "all", "t1", False, None, None),
    ("charge", "all and more", "t1", False, None, None),
    ("charge", "12", "t2", False, "last", None),
    MUCH,
    GIFT,
    CHARGE,
    ("grant", "4", HOUR, 100, None),
    ("hold", "all", HOUR, None),
    ("release", "last"),
    ("refund", "last"),
    ("refund", "first"),
    ("purchase", "one", "completed", "10", None),
    ("purchase", "one", "refunded", "4", None),
    ("plan", PLANS[0]),
    ("plan", PLANS[-1]),
    ("edit", "0", None),
    ("edit", "40", None),
    ("edit", "10", DAY),
    ("batch", [("1", "t1", False, None, None), ("all", None, True, "last", None), ("2", "t1", True, None, "charge")]),
    ("batch", [("3", "t1", False, None, "charge")]),
    ("metered",),
]

BOUGHT: Step = ("purchase", "one", "completed", "10", None)
HISTORIES: dict[str, list[Step]] = {
    "prices keep all digits": [
        ("tokens", "large", 999, 1, "t1"),
        ("tokens", "large", 2**31 - 1, 2**31 - 1, "t1"),
        ("tokens", "small", 1, 1, None),
        ("tokens", "free", 1000, 1000, "t1"),
        ("tokens", "not yet", 1, 1, "t1"),
    ],
    "a refund fills the lots that burned and no others": [
        ("grant", "2", HOUR, 1, None),
        ("grant", "5", None, 100, None),
        CHARGE,
        ("grant", "7", HOUR, -1, None),
        ("refund", "last"),
        ("charge", "all", None, False, None, None),
    ],
    "a lot that a refund revives counts again in what is low": [
        ("grant", "200", None, 1, None),
        ("charge", "199", None, False, None, None),
        ("charge", "1", None, False, None, None),
        ("grant", "30", None, 100, None),
        ("refund", "last"),
        ("charge", "1", None, False, None, None),
        ("charge", "30", None, False, None, None),
        ("charge", "all", None, False, None, None),
    ],
    "a refund gives nothing back to a lot that was refunded": [
        BOUGHT,
        ("charge", "20", "t1", False, None, None),
        ("purchase", "one", "refunded", "4", None),
        ("refund", "last"),
        ("charge", "all", None, False, None, None),
        ("refund", "last"),
        ("refund", "last"),
    ],
    "money goes back in three steps": [
        BOUGHT,
        ("charge", "12.3456789012345678901", None, False, None, None),
        ("purchase", "one", "refunded", "4", None),
        ("charge", "1", None, False, None, None),
        ("purchase", "one", "refunded", "3", None),
        ("purchase", "one", "refunded", "7", None),
        ("charge", "3", None, False, None, None),
        ("purchase", "one", "refunded", "10", None),
        BOUGHT,
    ],
    "a purchase is first heard of as refunded": [
        ("purchase", "one", "refunded", "4", None),
        ("purchase", "one", "pending", "10", None),
        BOUGHT,
        ("purchase", "one", "refunded", "10", None),
    ],
    "a lot that is dead on arrival pays nothing": [
        MUCH,
        ("purchase", "one", "completed", "10", -MINUTE),
        BOUGHT,
        ("grant", "4", None, 100, None),
        ("purchase", "two", "completed", "10", None),
        ("purchase", "two", "refunded", "7", None),
        ("refund", "first"),
    ],
    "a hold outlives the lots beneath it": [
        ("grant", "30", MINUTE, 1, None),
        ("hold", "20", HOUR, None),
        ("silence", 2 * MINUTE),
        ("charge", "0", None, False, None, None),
        ("charge", "1", None, False, None, None),
        ("charge", "20", "t1", False, "last", None),
        GIFT,
        ("refund", "last"),
    ],
    "a keyed charge is answered again when nothing is left": [
        CHARGE,
        ("charge", "all", None, False, None, None),
        ("again", 0, "same"),
        ("again", 0, "spelt"),
        ("again", 0, "other"),
        ("again in a batch", 0, "spelt"),
    ],
    "down and up again grants nothing twice": [
        ("plan", PLANS[4]),
        ("plan", PLANS[0]),
        CHARGE,
        ("plan", PLANS[4]),
        ("plan", PLANS[2]),
        ("edit", "40", None),
        ("plan", None),
        ("edit", "5", DAY),
        ("silence", DAY),
    ],
}


def often(*weighted: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """One of these, the more often the greater its weight."""
    return st.sampled_from([one for weight, one in weighted for _ in range(weight)]).flatmap(lambda one: one)


grantable = st.sampled_from(["1", "10", "10", "7.5", "0.1", "33.333333333333333333333", "1e-30", "123456789012345678"])
amounts = st.one_of(grantable, st.sampled_from(["0", "3", "3", "all", "all", "all and more", "half"]))
lives = st.sampled_from([None, None, MINUTE, MINUTE, HOUR, 3 * HOUR])
keys = st.sampled_from([None, None, None, "a", "b", "c", ""])
which = st.sampled_from([*["last"] * 6, "first", "first", "any", "any", "unknown"])
holds = st.sampled_from([None, None, None, None, *["last"] * 4, "first", "first", "unknown", "foreign"])
threads = st.sampled_from([None, "t1", "t2"])
tokens = st.sampled_from([0, 1, 999, 1000, 2**31 - 1])
plans = st.sampled_from(PLANS)
references = st.sampled_from(["one", "one", "two"])
statuses = st.sampled_from(["pending", "failed", "completed", "completed", "completed", "refunded", "refunded"])
# Around a deadline: well before, so near that the call itself crosses it, and well after.
offsets = st.one_of(
    st.sampled_from([-40 * SECOND, 20 * SECOND, 20 * SECOND, 20 * SECOND, MINUTE, HOUR]),
    st.integers(-4000, 500),
)
silences = often(
    (2, st.tuples(st.just("silence"), st.sampled_from([SECOND, MINUTE, HOUR, 25 * HOUR]))),
    (4, st.tuples(st.just("until"), st.integers(0, 2), offsets)),
)
entries = st.tuples(amounts, threads, st.sampled_from([False, True, True]), holds, keys)
calls = often(
    (4, st.tuples(st.just("grant"), grantable, lives, st.sampled_from([100, 100, 50, 1, -1]), keys)),
    (8, st.tuples(st.just("charge"), amounts, threads, st.sampled_from([False, False, True]), holds, keys)),
    (2, st.tuples(st.just("tokens"), st.sampled_from(["small", "large", "free", "not yet"]), tokens, tokens, threads)),
    (4, st.tuples(st.just("hold"), amounts, st.sampled_from([MINUTE, MINUTE, HOUR]), keys)),
    (2, st.tuples(st.just("release"), which)),
    (4, st.tuples(st.just("refund"), which)),
    (4, st.tuples(st.just("purchase"), references, statuses, st.sampled_from(["10", "10", "10", "4", "7"]), lives)),
    (1, st.tuples(st.just("another purchase"), references, st.sampled_from(["user_id", "credits", "currency"]))),
    (4, st.tuples(st.just("batch"), st.lists(entries, max_size=6))),
    (1, st.tuples(st.just("again in a batch"), st.integers(0, 5), st.sampled_from(["same", "spelt"]))),
    (3, st.tuples(st.just("again"), st.integers(0, 5), st.sampled_from(["same", "same", "spelt", "other"]))),
    (2, st.tuples(st.just("plan"), st.one_of(st.none(), plans))),
    (1, st.tuples(st.just("edit"), st.sampled_from(["0", "5", "10", "40"]), st.sampled_from([None, None, HOUR, DAY]))),
    (1, st.tuples(st.just("metered"))),
    (3, st.tuples(st.just("sweep"))),
)
grant = st.tuples(st.just("grant"), grantable, lives, st.just(100), st.none())
steps = st.builds(
    lambda first, others: [first, *others], grant, st.lists(often((3, calls), (1, silences)), min_size=10, max_size=30)
)


class Life:
    """Takes the steps of one history."""

    def __init__(self, world: CreditWorld, plan: CreditPlan, *, swept: bool) -> None:
        self.history = CreditHistory.begin(world, plan)
        self.swept = swept
        self.keyed: list[Call] = []

    def take(self, kind: str, *what: Any) -> None:  # noqa: PLR0912, PLR0915 one case a step
        history = self.history
        match kind, *what:
            case "grant", credits, life, priority, key:
                expires_at = None if life is None else self.instant_in(life)
                more = {"source": f"gift {credits}", "expires_at": expires_at, "priority": priority}
                self.keep(Call("grant_credits", self.own(credits=Decimal(credits), **more, idempotency_key=key)))
            case "charge", *entry:
                self.keep(self.charge(*entry))
            case "batch", charges:
                history.make(Batch.of([self.charge(*entry) for entry in charges]))
            case "again in a batch", number, how:
                known = [call for call in self.keyed if call.function == "record_usage"]
                if known:
                    new = self.charge("0", "t2", False, None, None)
                    history.make(Batch.of([new, spelt(known[-1 - number % len(known)], how), new]))
            case "tokens", model, prompt, completion, thread:
                given = {"model": model, "prompt_tokens": prompt, "completion_tokens": completion, "thread_id": thread}
                history.call("record_usage", **self.own(**given, overdraft=True))
            case "hold", amount, ttl, key:
                lasting = datetime.timedelta(microseconds=ttl)
                held = self.own(credits=self.amount(amount), ttl=lasting, idempotency_key=key)
                self.keep(Call("hold_credits", held))
            case "release", named:
                if hold_id := self.one_of(list(history.model.holds), named):
                    history.call("release_hold", hold_id=hold_id)
            case "refund", named:
                if log_id := self.one_of(list(history.model.charges), named):
                    history.call("refund_usage", usage_log_id=log_id, reason="wrong")
            case "purchase", reference, status, amount, life:
                # Only what went back differs from webhook to webhook.
                sent = amount if status == "refunded" else "10"
                expires_at = None if life is None else self.instant_in(life)
                more = {"amount": Decimal(sent), "status": status, "credits_expire_at": expires_at}
                history.make(self.purchase(reference, **more))
            case "another purchase", reference, differs:
                other = {"user_id": "payer-somebody-else", "credits": Decimal(31), "currency": "USD"}[differs]
                call = self.purchase(reference, **{differs: other})
                if call.arguments["provider_ref"] in history.model.purchases:
                    history.make(call)
            case "again", number, how:
                if self.keyed:
                    history.make(spelt(self.keyed[-1 - number % len(self.keyed)], how))
            case "plan", plan:
                history.set_plan(plan or history.own_plan)
            case "edit", credits, period:
                history.edit_plan(Fraction(credits), period)
            case "metered", *_:
                history.start_metered()
            case "sweep", *_:
                if self.swept:
                    history.sweep()
            case "silence", lasting:
                history.silence(lasting)
            case "until", number, offset:
                deadlines = sorted(history.model.deadlines(history.read_clock()))
                history.silence(deadlines[number % len(deadlines)] + offset - history.read_clock())
            case _:
                raise ValueError(kind)

    def own(self, **arguments: Any) -> dict[str, Any]:
        return {"user_id": self.history.user_id, **arguments}

    def charge(self, amount: str, thread: str | None, overdraft: bool, hold: str | None, key: str | None) -> Call:
        hold_id = hold and self.one_of(list(self.history.model.holds), hold)
        more = {"thread_id": thread, "overdraft": overdraft, "hold_id": hold_id, "idempotency_key": key}
        return Call("record_usage", self.own(credits=self.amount(amount), **more))

    def keep(self, call: Call) -> None:
        self.history.make(call)
        if call.arguments["idempotency_key"] is not None:
            self.keyed.append(call)

    def purchase(self, reference: str, **given: Any) -> Call:
        usual = self.own(credits=Decimal("30"), amount=Decimal(10), currency="EUR", provider="bank")
        named = {"provider_ref": f"{self.history.user_id}-{reference}", "status": "completed"}
        return Call("record_purchase", {**usual, **named, **given})

    def instant_in(self, lasting: int) -> datetime.datetime:
        return instant_of(self.history.read_clock() - self.history.shift + lasting)

    def amount(self, named: str) -> Decimal:
        model = self.history.model_at(self.history.read_clock())
        available = max(model.available(self.history.read_clock()), Fraction(0))
        shares = {"all": available, "all and more": available + TINY, "half": available / 2}
        return decimal_of(shares[named]) if named in shares else Decimal(named)

    def one_of(self, known: Sequence[str], named: str) -> str | None:
        if named == "foreign":
            return self.history.world.foreign_hold
        if named == "unknown":
            return NOBODY
        if not known:
            return None
        return known[{"last": -1, "first": 0, "any": len(known) // 2}[named]]


def spelt(call: Call, how: str) -> Call:
    """The same request, perhaps with its defaults and its zeros written out, or another one with its key."""
    given = {**call.arguments}
    if how == "spelt":
        given = {**DEFAULTS[call.function], **given}
        given["credits"] = Decimal(f"{given['credits']:f}" + ("0" if given["credits"] % 1 else ".000"))
    elif how == "other":
        given["credits"] += 1
    return Call(call.function, given)


def live(world: CreditWorld, plan: CreditPlan, steps: Sequence[Step], *, swept: bool) -> CreditHistory:
    life = Life(world, plan, swept=swept)
    for step in steps:
        life.take(*step)
    life.history.finish()
    return life.history


def live_twice(world: CreditWorld, plan: CreditPlan, steps: Sequence[Step]) -> None:
    swept, unswept = (live(world, plan, steps, swept=swept) for swept in (True, False))
    # A call on the very edge of a deadline may fall on its other side: that is another history.
    if not swept.is_on_an_edge and not unswept.is_on_an_edge:
        assert [entry for entry in swept.transcript if entry[0] != "sweep"] == unswept.transcript


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(plan=plans, steps=steps)
def test_any_history_equals_the_model_swept_or_not(
    credit_world: CreditWorld, plan: CreditPlan, steps: list[Step]
) -> None:
    live_twice(credit_world, plan, steps)


@pytest.mark.parametrize("step", NEXT, ids=[" ".join(str(getattr(part, "id", part)) for part in step) for step in NEXT])
@pytest.mark.parametrize("due", DUE.values(), ids=DUE)
def test_what_is_due_counts_as_done_in_whatever_comes_next(
    credit_world: CreditWorld, due: list[Step], step: Step
) -> None:
    afterwards: list[Step] = [("charge", "1", "t1", False, None, None), GIFT, ("charge", "all", None, True, None, None)]
    live_twice(credit_world, PLANS[2], [*due, ("sweep",), step, ("sweep",), *afterwards])


@pytest.mark.parametrize("steps", HISTORIES.values(), ids=HISTORIES)
def test_a_told_history_equals_the_model_swept_or_not(credit_world: CreditWorld, steps: list[Step]) -> None:
    live_twice(credit_world, PLANS[2], [grown for step in steps for grown in (step, ("sweep",))])
