"""One user's credits as docs/api.md promises them: a reference model in exact arithmetic."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from worker.tests.integration.credit_parts import (
    RANKS,
    Charge,
    CreditPlan,
    Hold,
    Lot,
    Purchase,
    StoredPeriod,
    rounded_down,
    total,
)
from worker.tests.integration.metered_model import Refused

LOW_PERCENTS = (5, 20)
UNTOLD, EXHAUSTED = 101, 0  # beside the percents: the levels of a balance that is above all, and of one that is nothing
VIRTUAL = "~"  # a lot that is counted and not stored: no id is greater

Answer = dict[str, Any]
Row = Mapping[str, Any]
Request = tuple[Any, ...]


class Unexplained(AssertionError):
    """The database did something that the model has no reason for, or did not do what it has."""


class Repeated(Exception):
    """The call is one that was answered before, and gets the same answer."""

    def __init__(self, answer: Any) -> None:
        super().__init__(answer)
        self.answer = answer


@dataclass
class CreditModel:
    """Deeds take the instant at which they happen; one that is refused leaves a model that is thrown away.

    `fresh` are the lots that appeared in the database with this call: the model has to find a reason for each.
    """

    user_id: str
    plan: CreditPlan
    anchor: int
    rates: Mapping[str, tuple[Fraction, Fraction]]
    version: int = 0
    may_grow: frozenset[int] = frozenset({0})  # by how much more, where the contract leaves it open
    metered_until: int | None = None
    period: StoredPeriod | None = None
    lots: dict[str, Lot] = field(default_factory=dict)
    charges: dict[str, Charge] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    purchases: dict[str, Purchase] = field(default_factory=dict)
    refunds: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, tuple[Request, Any]] = field(default_factory=dict)
    told: list[tuple[Any, ...]] = field(default_factory=list)  # kind, percent, balance, granted; or kind, purchase
    told_at: int = 0
    told_percent: int = EXHAUSTED  # the least since a grant last lifted the balance above it; none is told twice
    fresh: list[Lot] = field(default_factory=list)
    is_virtual: bool = False
    may_settle: bool = False  # what changes nothing may have stored the period's credits all the same
    is_in_batch: bool = False  # whose one transition is counted

    # What is so at an instant

    def live_lots(self, at: int) -> list[Lot]:
        return sorted((lot for lot in self.lots.values() if lot.is_live(at)), key=lambda lot: lot.burn_order)

    def balance(self, at: int) -> Fraction:
        return total(lot.remaining for lot in self.live_lots(at)) - total(c.overdrawn for c in self.charges.values())

    def held(self, at: int) -> Fraction:
        return total(hold.credits for hold in self.holds.values() if hold.status_at(at) == "live")

    def available(self, at: int) -> Fraction:
        return self.balance(at) - self.held(at)

    def used(self) -> Fraction:
        assert self.period is not None
        return total(c.credits for c in self.charges.values() if c.created_at >= self.period.started_at)

    def version_at(self, at: int) -> int:
        """The end of a metered session counts from its own instant."""
        return self.version + int(self.metered_until is not None and self.metered_until <= at)

    def deadlines(self, at: int) -> list[int]:
        ends = [lot.expires_at for lot in self.live_lots(at) if lot.expires_at is not None and lot.remaining]
        ends += [hold.expires_at for hold in self.holds.values() if hold.status_at(at) == "live"]
        ends += [self.plan.period.bounds(self.anchor, at)[1]]
        return [*ends, *([self.metered_until] if self.metered_until is not None else [])]

    def all_deadlines(self, at: int) -> list[int]:
        """Those that have passed too."""
        ends = [lot.expires_at for lot in self.lots.values() if lot.expires_at is not None]
        ends += [hold.expires_at for hold in self.holds.values()]
        ends += [bound for bound in self.plan.period.bounds(self.anchor, at) if bound != self.anchor]
        return [*ends, *([self.metered_until] if self.metered_until else [])]

    # What is told

    def low(self, at: int) -> tuple[int, Fraction, Fraction]:
        """The least share that the balance is not above, the balance, and what its lots held at first."""
        balance = self.balance(at)
        granted = total(lot.credits for lot in self.live_lots(at) if lot.remaining)
        reached = [percent for percent in LOW_PERCENTS if balance <= granted * percent / 100]
        return EXHAUSTED if balance <= 0 else min(reached, default=UNTOLD), balance, granted

    def tell(self, at: int) -> None:
        level, *amounts = self.low(at)
        for percent in sorted(LOW_PERCENTS, reverse=True):
            if level <= percent < self.told_percent:
                self.told.append(("credits_low", percent, *amounts))
        if level == EXHAUSTED < self.told_percent:
            self.told.append(("credits_exhausted", None, *amounts))
        self.told_percent, self.told_at = min(self.told_percent, level), at

    def tell_unsettled(self, at: int) -> None:
        """What the plan owes is counted and not granted: that lifts nothing and comes with the next call."""
        read = copy.deepcopy(self)
        read.is_virtual = True
        read.renew(at)
        read.told_percent = self.told_percent
        read.tell(at)
        self.told, self.told_percent, self.told_at = read.told, read.told_percent, at

    def has_lost(self, at: int) -> bool:
        """Whether some lot has run out since it was looked for something to tell."""
        ends = [lot.expires_at for lot in self.lots.values() if lot.remaining and lot.expires_at is not None]
        return any(self.told_at < end <= at for end in ends)

    # What every touch does first

    def settle(self, at: int) -> None:
        self.renew(at)
        self.tell(at)

    def renew(self, at: int) -> None:
        """The plan's credits of this period, or what the plan has more than those before it in the same period."""
        if self.metered_until is not None and self.metered_until <= at:
            self.version, self.metered_until = self.version + 1, None
        started_at, ends_at = self.plan.period.bounds(self.anchor, at)
        granted = Fraction(0) if self.period is None or self.period.ends_at <= at else self.period.granted
        granted = max(granted, self.granted_since(started_at))
        self.period = StoredPeriod(started_at, ends_at, max(granted, self.plan.credits))
        if self.plan.credits > granted:
            self.mint(at, "plan", self.plan.credits - granted, 50, ends_at)

    def granted_since(self, started_at: int) -> Fraction:
        """The most that plans granted for one period, of those whose grants came since then."""
        granted: dict[int, Fraction] = {}
        for lot in self.lots.values():
            if lot.source == "plan" and lot.expires_at is not None and lot.created_at >= started_at:
                granted[lot.expires_at] = granted.get(lot.expires_at, Fraction(0)) + lot.credits
        return max(granted.values(), default=Fraction(0))

    def mint(self, at: int, source: str, credits: Fraction, priority: int, expires_at: int | None) -> Lot:
        """A new lot, which pays what is overdrawn at once, the oldest charge first."""
        is_live = expires_at is None or expires_at > at
        lot = Lot(VIRTUAL, source, credits, priority, expires_at, at, credits if is_live else Fraction(0))
        if not self.is_virtual:
            lot.id = self.id_of_stored(lot)
        self.lots[lot.id] = lot
        for charge in sorted(self.charges.values(), key=lambda c: (c.created_at, c.id)):
            if paid := min(charge.overdrawn, lot.remaining):
                charge.overdrawn -= paid
                self.burn(lot, charge, paid)
        if is_live:
            self.told_percent = max(self.told_percent, self.low(at)[0])
        return lot

    def id_of_stored(self, lot: Lot) -> str:
        for stored in self.fresh:
            named = (stored.source, stored.credits, stored.priority, stored.expires_at, stored.created_at)
            if named == (lot.source, lot.credits, lot.priority, lot.expires_at, lot.created_at):
                self.fresh.remove(stored)
                return stored.id
        raise Unexplained(f"not stored: {lot}; stored: {self.fresh}")

    def burn(self, lot: Lot, charge: Charge, credits: Fraction) -> None:
        lot.remaining -= credits
        charge.burned[lot.id] = charge.burned.get(lot.id, Fraction(0)) + credits

    def once(self, key: str | None, request: Request) -> None:
        known = None if key is None else self.keys.get(key)
        if known is None:
            return
        if known[0] != request:
            raise Refused("idempotency_conflict")
        raise Repeated(known[1])

    def remember(self, key: str | None, request: Request, answer: Any) -> None:
        if key is not None:
            self.keys[key] = (request, answer)

    # Deeds

    def touch(self, at: int) -> None:
        self.settle(at)
        self.version += 1

    def grant(
        self, at: int, *, credits: Fraction, source: str, expires_at: int | None, priority: int, row: Row | None
    ) -> Answer:
        if expires_at is not None and expires_at <= at:
            raise Refused("invalid_argument")
        self.touch(at)
        lot = self.mint(at, source, credits, priority, expires_at)
        self.tell(at)
        assert self.is_virtual or row is None or lot.id == row["id"]
        return {
            "id": lot.id,
            "user_id": self.user_id,
            "source": source,
            "credits": credits,
            "remaining": lot.remaining,
            "priority": priority,
            "expires_at": expires_at,
            "created_at": at,
        }

    def price(self, credits: Fraction | None, model: str | None, tokens: tuple[int, int]) -> Fraction:
        if credits is not None:
            return credits
        if model is None or model not in self.rates:
            raise Refused("rate_not_found")
        prompt, completion = self.rates[model]
        return (tokens[0] * prompt + tokens[1] * completion) / 1000

    def charge(
        self,
        at: int,
        *,
        credits: Fraction | None,
        model: str | None,
        tokens: tuple[int, int],
        thread_id: str | None,
        hold_id: str | None,
        overdraft: bool,
        row: Row | None,
    ) -> Answer:
        if not self.is_in_batch:
            self.touch(at)
        credits = self.price(credits, model, tokens)
        hold = None if hold_id is None else self.find_hold(hold_id)
        if hold is not None and hold.status_at(at) != "live":
            if not overdraft:
                raise Refused("hold_closed")
            hold = None
        reserved = hold.credits if hold else Fraction(0)
        if credits > reserved and credits - reserved > self.available(at) and not overdraft:
            raise Refused("insufficient_credits")
        if hold is not None:
            hold.status = "settled"
        charge = Charge(row["usage_log_id"] if row else VIRTUAL, thread_id, credits, *tokens, at)
        self.charges[charge.id] = charge
        for lot in self.live_lots(at):
            if burned := min(lot.remaining, credits - total(charge.burned.values())):
                self.burn(lot, charge, burned)
        lots = list(charge.burned.items())
        charge.overdrawn = credits - total(charge.burned.values())
        if not self.is_in_batch:
            self.tell(at)
        return self.receipt(at, charge, lots, None)

    def receipt(self, at: int, charge: Charge, lots: Sequence[tuple[str, Fraction]], refunded_at: int | None) -> Answer:
        return {
            "usage_log_id": charge.id,
            "user_id": self.user_id,
            "thread_id": charge.thread_id,
            "credits": charge.credits,
            "lots": lots,
            "balance": self.balance(at),
            "available": self.available(at),
            "version": self.version,
            "created_at": charge.created_at,
            "refunded_at": refunded_at,
        }

    def find_hold(self, hold_id: str) -> Hold:
        if hold_id not in self.holds:
            raise Refused("hold_not_found")
        return self.holds[hold_id]

    def hold(self, at: int, credits: Fraction, ttl: int, row: Row | None) -> Answer:
        self.touch(at)
        if credits > self.available(at):
            raise Refused("insufficient_credits")
        hold = Hold(row["id"] if row else VIRTUAL, credits, at + ttl, at)
        self.holds[hold.id] = hold
        return self.shown_hold(at, hold)

    def shown_hold(self, at: int, hold: Hold) -> Answer:
        return {
            "id": hold.id,
            "user_id": self.user_id,
            "credits": hold.credits,
            "status": hold.status_at(at),
            "expires_at": hold.expires_at,
            "created_at": hold.created_at,
        }

    def release(self, at: int, hold_id: str) -> Answer:
        hold = self.find_hold(hold_id)
        self.may_settle = hold.status_at(at) != "live"
        if not self.may_settle:
            self.touch(at)
            hold.status = "released"
        return self.shown_hold(at, hold)

    def refund(self, at: int, log_id: str) -> Answer:
        if log_id not in self.charges:
            raise Refused("usage_log_not_found")
        charge = self.charges[log_id]
        if charge.is_refunded:
            raise Repeated(self.refunds[log_id])
        self.touch(at)
        charge.is_refunded, charge.overdrawn = True, Fraction(0)
        lots = {}
        for lot_id, burned in charge.burned.items():
            lot = self.lots[lot_id]
            lots[lot_id] = burned if lot.is_live(at) and not lot.is_refunded else Fraction(0)
            lot.remaining += lots[lot_id]
        self.tell(at)
        return self.receipt(at, charge, list(lots.items()), at)

    def change_plan(self, before: int, at: int, plan: CreditPlan) -> None:
        if plan != self.plan:
            self.settle(before)
            self.plan = plan
            self.touch(at)

    def start_metered(self, at: int, until: int) -> None:
        if self.version_at(at) > self.version:
            self.version, self.metered_until = self.version + 1, None
        self.version += int(self.metered_until is None)
        self.metered_until = until

    # Purchases

    def purchase(
        self,
        at: int,
        *,
        ref: str,
        user_id: str,
        credits: Fraction,
        amount: Fraction,
        currency: str,
        status: str,
        expires_at: int | None,
        row: Row | None,
    ) -> Answer:
        self.may_grow = frozenset({0, 1})  # only what changes the credits surely does
        self.may_settle = True
        known = self.purchases.get(ref)
        if known is None:
            known = Purchase(row["id"] if row else VIRTUAL, user_id, credits, amount, currency, "", at)
            known.is_amount_known = status != "refunded"
            self.purchases[ref] = known
        elif (known.user_id, known.credits, known.currency) != (user_id, credits, currency):
            raise Refused("idempotency_conflict")
        elif status != "refunded":
            if known.is_amount_known and known.amount != amount:
                raise Refused("idempotency_conflict")
            known.amount, known.is_amount_known = amount, True
        elif not known.is_amount_known:
            known.amount = max(known.amount, amount)  # at least what went back so far was paid
        self.move_on(at, known, status, amount, expires_at)
        return self.shown_purchase(known)

    def move_on(self, at: int, known: Purchase, status: str, amount: Fraction, expires_at: int | None) -> None:
        before = known.status
        if before and RANKS.index(status) < RANKS.index(before):
            return
        known.status = status
        if status == "completed" and before != "completed":
            self.may_grow, self.may_settle = frozenset({1}), False
            self.settle(at)
            known.completed_at = at
            known.lot = self.mint(at, "purchase", known.credits, 100, expires_at)
            self.tell(at)
            self.told.append(("purchase_completed", known.id))
        elif status == "refunded":
            if before == status and amount <= known.refunded_amount:
                return
            known.refunded_amount = amount
            if known.lot is not None:
                self.take_back(at, known, known.lot)

    def take_back(self, at: int, known: Purchase, lot: Lot) -> None:
        """The refunded share of what is, or would be, unspent."""
        lot.is_refunded = True
        unspent = lot.remaining if lot.is_live(at) else Fraction(0)
        due = rounded_down(known.share_refunded() * (unspent + known.taken_back)) - known.taken_back
        if known.share_refunded() == 1:
            due = unspent
        due = min(max(due, Fraction(0)), unspent)
        if due:
            self.may_grow = frozenset({1})
            self.settle(at)
            lot.remaining -= due
            known.taken_back += due
            self.tell(at)

    def shown_purchase(self, known: Purchase) -> Answer:
        shown = {
            "id": known.id,
            "user_id": known.user_id,
            "credits": known.credits,
            "amount": known.amount,
            "currency": known.currency,
            "status": known.status,
            "created_at": known.created_at,
        }
        # Whether one that was first heard of as refunded was paid at that instant is left open.
        return {**shown, "completed_at": known.completed_at} if known.lot is not None else shown

    # Reads

    def credit_balance(self, at: int) -> Answer:
        self.is_virtual = True
        self.settle(at)
        expiring = [lot for lot in self.live_lots(at) if lot.remaining and lot.expires_at is not None]
        expires_next_at = min((lot.expires_at for lot in expiring if lot.expires_at is not None), default=None)
        return {
            "balance": self.balance(at),
            "held": self.held(at),
            "available": self.available(at),
            "expiring_next": total(lot.remaining for lot in expiring if lot.expires_at == expires_next_at),
            "expires_next_at": expires_next_at,
            "used_this_period": self.used(),
            "version": self.version,
        }

    def threads(self) -> dict[str, tuple[Fraction, int, int, int, int]]:
        """Per thread: credits, prompt and completion tokens, requests, when last used."""
        threads: dict[str, tuple[Fraction, int, int, int, int]] = {}
        for c in sorted(self.charges.values(), key=lambda c: c.created_at):
            if c.thread_id is not None:
                credits, prompt, completion, requests, _ = threads.get(c.thread_id, (Fraction(0), 0, 0, 0, 0))
                threads[c.thread_id] = (
                    credits + c.credits,
                    prompt + c.prompt_tokens,
                    completion + c.completion_tokens,
                    requests + 1,
                    c.created_at,
                )
        return threads
