"""`usage:changed`, as administrators with supabase-py hear it while a worker runs."""

import asyncio
import itertools
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from worker.tests.integration.sdk_client import App, Ear, JoinRefusedError, Json, Person
from worker.tests.integration.worker_program import Worker

TOPIC = "admin:usage"
TOTALS = ("total_users", "total_requests", "total_tokens", "total_credits", "total_revenue")
ADMIN_REFRESH = timedelta(milliseconds=500)
BURST = 20


async def admin_of(app: App) -> Person:
    return await app.user(app_metadata={"role": "admin"})


def totals(answer: Json) -> Json:
    return {name: answer[name] for name in TOTALS}


async def hear_until(ear: Ear, expected: Json) -> list[Json]:
    """What is heard up to these totals; fails when they do not come."""
    heard: list[Json] = []
    while not heard or totals(heard[-1]) != expected:
        message = await ear.next()
        if message["event"] == "usage:changed":
            heard.append(message["payload"])
    return heard


async def test_only_administrators_hear_the_page(live: App, ada: Person) -> None:
    admin = await admin_of(live)
    await admin.listen(TOPIC)
    for outside in (ada, await live.nobody()):
        with pytest.raises(JoinRefusedError, match="Unauthorized"):
            await outside.listen(TOPIC)


async def test_many_charges_are_few_messages_and_the_last_one_is_told(
    live: App, running: ExitStack, tmp_path: Path
) -> None:
    admin, back_end, user = await admin_of(live), await live.back_end(), await live.user()
    worker = Worker(live.stack, tmp_path).run(running)
    worker.hear_all("leader.gained", "realtime.joined")
    ear = await admin.listen(TOPIC)
    await back_end.call("grant_credits", user_id=user.id, credits=1000)
    heard: list[Json] = []
    for _ in range(3):
        charges = [
            back_end.call("record_usage", user_id=user.id, credits=0.5, prompt_tokens=3, thread_id="run")
            for _ in range(BURST)
        ]
        await asyncio.gather(*charges)
        heard += await hear_until(ear, totals(await admin.call("get_usage_overview")))
    instants = [datetime.fromisoformat(payload["at"]) for payload in heard]
    assert all(later - earlier >= ADMIN_REFRESH for earlier, later in itertools.pairwise(instants))
    assert set(heard[-1]) == {*TOTALS, "at", "fresh_as_of", "id"}
    page = await admin.call("get_usage_overview", search=user.id)
    assert [(row["requests"], row["total_tokens"], row["credits"]) for row in page["rows"]] == [
        (3 * BURST, 9 * BURST, 1.5 * BURST)
    ]


async def test_a_completed_purchase_is_told_and_a_pending_one_is_not(
    live: App, running: ExitStack, tmp_path: Path
) -> None:
    admin, back_end, user = await admin_of(live), await live.back_end(), await live.user()
    worker = Worker(live.stack, tmp_path).run(running)
    worker.hear_all("leader.gained", "realtime.joined")
    before = totals(await admin.call("get_usage_overview"))
    ear = await admin.listen(TOPIC)
    purchase: Json = {
        "user_id": user.id, "credits": 100, "amount": 9.99, "currency": "CHF", "provider": "shop",
        "provider_ref": user.id,
    }  # fmt: skip
    await back_end.call("record_purchase", **purchase, status="pending")
    assert totals(await admin.call("get_usage_overview"))["total_revenue"] == before["total_revenue"]
    await back_end.call("record_purchase", **purchase, status="completed")
    heard = await hear_until(ear, totals(await admin.call("get_usage_overview")))
    assert heard[-1]["total_revenue"]["CHF"] == pytest.approx(before["total_revenue"].get("CHF", 0) + 9.99)


async def test_a_charge_that_stays_open_keeps_nobody_from_being_told(
    live: App, running: ExitStack, tmp_path: Path
) -> None:
    admin, back_end, user, other = await admin_of(live), await live.back_end(), await live.user(), await live.user()
    worker = Worker(live.stack, tmp_path).run(running)
    worker.hear_all("leader.gained", "realtime.joined")
    ear = await admin.listen(TOPIC)
    with psycopg.connect(live.stack.db_url) as connection:
        connection.execute("select public.record_usage(%s, 1, overdraft => true)", [other.id])
        await back_end.call("record_usage", user_id=user.id, credits=1, overdraft=True)
        await hear_until(ear, totals(await admin.call("get_usage_overview")))
        connection.commit()
    await hear_until(ear, totals(await admin.call("get_usage_overview")))
