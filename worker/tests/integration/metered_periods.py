"""Time as plans count it: instants are integers of microseconds, periods follow the calendar of UTC."""

import calendar
import datetime
from dataclasses import dataclass

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Period:
    """The length of an accounting period; months are of the calendar (UTC), the rest is exact."""

    months: int = 0
    exact: int = 0

    def start(self, anchor: int, n: int) -> int:
        return add_months(anchor, self.months * n) + self.exact * n

    def bounds(self, anchor: int, instant: int) -> tuple[int, int]:
        """The period [start, end) that holds the instant; nothing is before the anchor."""
        n = max((instant - anchor) // (self.exact + self.months * 31 * DAY), 0)
        while self.start(anchor, n + 1) <= instant:
            n += 1
        return self.start(anchor, n), self.start(anchor, n + 1)


@dataclass(frozen=True)
class Plan:
    id: str
    period: Period
    limit_seconds: int | None
    near_limit_seconds: int = 1800


@dataclass
class Interval:
    started_at: int
    ended_at: int | None = None

    def within(self, start: int, end: int) -> int:
        """Its length inside [start, end)."""
        ended_at = end if self.ended_at is None else min(self.ended_at, end)
        return max(ended_at - max(self.started_at, start), 0)


def micros(instant: datetime.datetime) -> int:
    return (instant - EPOCH) // datetime.timedelta(microseconds=1)


def instant_of(value: int) -> datetime.datetime:
    return EPOCH + datetime.timedelta(microseconds=value)


def add_months(value: int, months: int) -> int:
    """As the calendar adds months: the same day and time, or the last day of a month that is too short."""
    if months == 0:
        return value
    at = instant_of(value)
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    day = min(at.day, calendar.monthrange(year, month + 1)[1])
    return micros(at.replace(year=year, month=month + 1, day=day))
