"""What is stored of a user's metered sessions adds up, and is what the model says."""

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from worker.tests.integration.metered_calls import Row, fetch
from worker.tests.integration.metered_model import Model
from worker.tests.integration.metered_periods import SECOND, Interval, micros

SessionRow = tuple[Any, ...]
ENDS = {"capped": "usage_capped", "expired": "session_expired"}


def check(connection: psycopg.Connection[Row], user_id: str, shift: int, possible: Sequence[Model]) -> None:
    """The rows are those of one of these models, whose instants are `shift` later; nobody overran a cap."""
    stored = stored_sessions(connection, user_id, shift)
    expected = [expected_sessions(model) for model in possible]
    assert stored in expected, f"stored: {stored}\nmodel: {expected[-1]}"
    told = stored_notifications(connection, user_id, shift)
    assert told in [expected_notifications(model) for model in possible], (told, expected_notifications(possible[-1]))
    totals = check_totals(connection, user_id)
    model = possible[0]
    if not any("plan changed" in kind or "limit edited" in kind for kind in model.transitions):
        limit = model.plan.limit_seconds
        for total in totals:
            start, end = total["period_started_at"] + shift, total["period_ends_at"] + shift
            assert (start, end) == model.period(start)
            assert limit is None or total["used"] <= limit * SECOND


def check_totals(connection: psycopg.Connection[Row], user_id: str) -> list[Row]:
    """Every stored total is the sum over the closed intervals; they are returned."""
    closed = [
        Interval(row["started_at"], row["ended_at"])
        for row in fetch(connection, "select * from public.usage_intervals where user_id = %s", user_id)
        if row["ended_at"] is not None
    ]
    totals = fetch(connection, "select * from public.usage_totals where user_id = %s", user_id)
    for total in totals:
        start, end = total["period_started_at"], total["period_ends_at"]
        assert total["used"] == sum(interval.within(start, end) for interval in closed), (total, closed)
    return totals


def stored_sessions(connection: psycopg.Connection[Row], user_id: str, shift: int) -> list[SessionRow]:
    of_user = "where user_id = %s order by started_at"
    sessions = fetch(connection, f"select * from public.usage_sessions {of_user}", user_id)
    intervals = fetch(connection, f"select * from public.usage_intervals {of_user}", user_id)
    rows: list[SessionRow] = []
    for row in sessions:
        own = [(i["started_at"] + shift, i["ended_at"]) for i in intervals if i["session_id"] == row["id"]]
        own = [(start, end and end + shift) for start, end in own]
        assert row["active_time"] == sum(end - start for start, end in own if end is not None)
        ended_at = row["ended_at"] and row["ended_at"] + shift
        rows.append((row["id"], row["status"], row["device_id"], row["started_at"] + shift, ended_at, merged(own)))
    return rows


def expected_sessions(model: Model) -> list[SessionRow]:
    return [
        (s.id, s.status, s.device, s.started_at, s.ended_at, merged((i.started_at, i.ended_at) for i in s.intervals))
        for s in model.sessions
    ]


def stored_notifications(connection: psycopg.Connection[Row], user_id: str, shift: int) -> list[tuple[Any, ...]]:
    """What was told of shares of the limit by period, and of ends by session."""
    told = fetch(connection, "select kind, payload from public.notifications where user_id = %s", user_id)
    return in_order(notification(row["kind"], row["payload"], shift) for row in told)


def check_warnings(connection: psycopg.Connection[Row], user_id: str) -> None:
    """Each share that was told was an event as well, and nothing else was."""
    topic = "select payload from realtime.messages where topic = %s and event = 'session:warning'"
    written = "select payload from public.notifications where user_id = %s and kind like 'usage_%%' and kind <> %s"
    heard, told = (
        in_order((row["payload"].get("percent"), row["payload"].get("seconds_left")) for row in rows)
        for rows in (
            fetch(connection, topic, f"user:{user_id}"),
            fetch(connection, written, user_id, ENDS["capped"]),
        )
    )
    assert heard == told


def notification(kind: str, payload: Row, shift: int) -> tuple[Any, ...]:
    if kind in ENDS.values():
        return kind, payload["session_id"]
    bounds = (datetime.datetime.fromisoformat(payload[name]) for name in ("period_started_at", "period_ends_at"))
    return kind, payload.get("percent"), *(micros(bound) + shift for bound in bounds)


def expected_notifications(model: Model) -> list[tuple[Any, ...]]:
    ends = [(ENDS[session.status], session.id) for session in model.sessions if session.status in ENDS]
    return in_order([*model.told, *ends])


def in_order(told: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(told, key=repr)


def merged(intervals: Iterable[tuple[int, int | None]]) -> list[tuple[int, int | None]]:
    """A hand-off closes one interval and opens the next at the same instant: here they are one."""
    whole: list[tuple[int, int | None]] = []
    for start, end in intervals:
        if whole and whole[-1][1] == start:
            whole[-1] = (whole[-1][0], end)
        else:
            whole.append((start, end))
    return whole
