"""What a user's credits consist of: lots, charges, holds, purchases. Amounts are fractions: nothing is rounded."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from worker.tests.integration.metered_periods import Period

PARTIAL_REFUND_DIGITS = 12  # the one rounding that there is
RANKS = ("pending", "failed", "completed", "refunded")


@dataclass(frozen=True)
class CreditPlan:
    id: str
    period: Period
    credits: Fraction


@dataclass(frozen=True)
class StoredPeriod:
    """The period that was touched last, and the most that plans granted in it."""

    started_at: int
    ends_at: int
    granted: Fraction


@dataclass
class Lot:
    id: str
    source: str
    credits: Fraction
    priority: int
    expires_at: int | None
    created_at: int
    remaining: Fraction
    is_refunded: bool = False

    def is_live(self, at: int) -> bool:
        return self.expires_at is None or self.expires_at > at

    @property
    def burn_order(self) -> tuple[int, float, int, str]:
        expires_at = float("inf") if self.expires_at is None else self.expires_at
        return self.priority, expires_at, self.created_at, self.id


@dataclass
class Charge:
    """A usage log. `burned` also holds what a later grant paid of its overdraft."""

    id: str
    thread_id: str | None
    credits: Fraction
    prompt_tokens: int
    completion_tokens: int
    created_at: int
    burned: dict[str, Fraction] = field(default_factory=dict)
    overdrawn: Fraction = Fraction(0)
    is_refunded: bool = False


@dataclass
class Hold:
    id: str
    credits: Fraction
    expires_at: int
    created_at: int
    status: str = "live"

    def status_at(self, at: int) -> str:
        return "expired" if self.status == "live" and self.expires_at <= at else self.status


@dataclass
class Purchase:
    id: str
    user_id: str
    credits: Fraction
    amount: Fraction
    currency: str
    status: str
    created_at: int
    completed_at: int | None = None
    is_amount_known: bool = True
    lot: Lot | None = None
    taken_back: Fraction = Fraction(0)
    refunded_amount: Fraction = Fraction(0)

    def share_refunded(self) -> Fraction:
        return Fraction(1) if self.refunded_amount >= self.amount else self.refunded_amount / self.amount


def rounded_down(value: Fraction) -> Fraction:
    return Fraction(value * 10**PARTIAL_REFUND_DIGITS // 1, 10**PARTIAL_REFUND_DIGITS)


def total(values: Iterable[Fraction]) -> Fraction:
    return sum(values, Fraction(0))


def decimal_of(value: Fraction) -> Decimal:
    """The same number, all digits of it, whatever the context's precision is."""
    digits = 0
    while value.denominator != 1:
        value, digits = value * 10, digits + 1
    return Decimal((int(value < 0), tuple(int(digit) for digit in str(abs(value.numerator))), -digits))
