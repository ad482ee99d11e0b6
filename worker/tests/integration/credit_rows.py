"""What is stored of a user's credits adds up, and is what the model says."""

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import psycopg

from worker.tests.integration.credit_calls import in_terms_of_the_model
from worker.tests.integration.credit_model import CreditModel
from worker.tests.integration.credit_parts import Lot, StoredPeriod
from worker.tests.integration.metered_calls import Row, fetch
from worker.tests.integration.metered_rows import ENDS, in_order

Connection = psycopg.Connection[Row]


def stored_lots(connection: Connection, user_id: str, shift: int) -> list[Lot]:
    rows = fetch(connection, "select * from public.credit_grants where user_id = %s", user_id)
    return [
        Lot(
            row["id"],
            row["source"],
            Fraction(row["credits"]),
            row["priority"],
            None if row["expires_at"] is None else row["expires_at"] + shift,
            row["created_at"] + shift,
            Fraction(row["remaining"]),
        )
        for row in rows
    ]


def stored_period(connection: Connection, user_id: str, shift: int) -> StoredPeriod | None:
    columns = "period_started_at, period_ends_at, plan_credits"
    rows = fetch(connection, f"select {columns} from private.credit_balances where user_id = %s", user_id)
    for row in rows:
        bounds = row["period_started_at"] + shift, row["period_ends_at"] + shift
        return StoredPeriod(*bounds, Fraction(row["plan_credits"]))
    return None


def told(connection: Connection, user_id: str) -> list[tuple[Any, ...]]:
    """What was told of the user's credits and purchases."""
    rows = fetch(connection, "select kind, payload from public.notifications where user_id = %s", user_id)
    return in_order(notification(row["kind"], row["payload"]) for row in rows if row["kind"] not in ENDS.values())


def notification(kind: str, payload: Row) -> tuple[Any, ...]:
    if kind == "purchase_completed":
        return kind, payload["purchase_id"]
    return kind, payload.get("percent"), Fraction(payload["balance"]), Fraction(payload["granted"])


def check(connection: Connection, user_id: str, shift: int, model: CreditModel, now: int) -> None:
    """Lots, lines, overdrafts, holds and threads are those of the model."""
    stored = {lot.id: lot for lot in stored_lots(connection, user_id, shift)}
    assert stored.keys() == model.lots.keys()
    lines = fetch(connection, "select * from public.credit_usage where user_id = %s", user_id)
    for lot in model.lots.values():
        left = stored[lot.id].remaining
        # Whether what ran out was booked is nobody's business.
        assert left == lot.remaining or (left == 0 and not lot.is_live(now)), (stored[lot.id], lot)
        spent = [Fraction(line["credits"]) for line in lines if line["grant_id"] == lot.id]
        assert left == lot.credits - sum(spent), (lot, spent)
    check_charges(connection, user_id, model, lines)
    holds = fetch(connection, "select * from public.credit_holds where user_id = %s", user_id)
    shown = {row["id"]: row["status"] for row in holds}
    for hold in model.holds.values():
        assert shown.pop(hold.id) in (hold.status, hold.status_at(now))
    assert shown == {}
    threads = fetch(connection, "select * from private.thread_totals where user_id = %s", user_id)
    named = "prompt_tokens", "completion_tokens", "requests"
    assert {
        row["thread_id"]: (Fraction(row["credits"]), *(row[name] for name in named), row["last_used_at"] + shift)
        for row in threads
    } == model.threads()


def check_charges(connection: Connection, user_id: str, model: CreditModel, lines: Sequence[Row]) -> None:
    """Each log says what it cost, burned the lots that it did, and owes what it owes."""
    logs = fetch(connection, "select * from public.usage_logs where user_id = %s", user_id)
    assert {row["id"]: Fraction(row["credits"]) for row in logs} == {c.id: c.credits for c in model.charges.values()}
    refunded = {row["id"] for row in logs if row["refunded_at"] is not None}
    assert refunded == {c.id for c in model.charges.values() if c.is_refunded}
    burned: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for line in lines:
        if line["kind"] == "charge":
            burned[line["usage_log_id"], line["grant_id"]] += Fraction(line["credits"])
    assert burned == {(c.id, lot): credits for c in model.charges.values() for lot, credits in c.burned.items()}
    overdrafts = fetch(connection, "select * from private.overdrafts where user_id = %s", user_id)
    assert {row["usage_log_id"]: Fraction(row["credits"]) for row in overdrafts} == {
        c.id: c.overdrawn for c in model.charges.values() if c.overdrawn
    }


def nothing_is_due(connection: Connection, user_id: str, now: int) -> None:
    """What had run out before a sweep is booked after it."""
    lots = fetch(
        connection,
        "select nullif(expires_at, 'infinity') as expires_at from private.live_lots where user_id = %s",
        user_id,
    )
    holds = fetch(
        connection, "select expires_at from public.credit_holds where user_id = %s and status = 'live'", user_id
    )
    ends = [row["expires_at"] for row in [*lots, *holds] if row["expires_at"] is not None]
    assert [end for end in ends if end <= now] == []


def check_events(connection: Connection, user_id: str, told: Sequence[Row]) -> None:
    """Each transition was told once as it was committed; later events of the same version are of sweeps."""
    events = fetch(
        connection,
        "select payload from realtime.messages where topic = %s and event = 'credits:changed' order by inserted_at",
        f"user:{user_id}",
    )
    first: dict[int, Row] = {}
    for event in events:
        payload = event["payload"]
        assert payload["balance"]["version"] == payload["version"]
        first.setdefault(payload["version"], in_terms_of_the_model(payload["balance"], 0))
    for balance in told:
        assert first.get(balance["version"]) == balance, (first.get(balance["version"]), balance)
