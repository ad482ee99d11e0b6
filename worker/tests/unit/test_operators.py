"""What asking operators cost: one question to the database, however many ask."""

import asyncio
from typing import Any, cast

from prometheus_client import CollectorRegistry
from starlette.requests import Request

from worker import database, leadership, metrics, realtime
from worker.operators import Operators

CROWD = 20


class SlowDatabase:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked_count = 0
        self.answers = asyncio.Event()

    async def fetch(self, *_: Any) -> tuple[Any, ...]:
        self.asked_count += 1
        await self.answers.wait()
        return 1, 2, 3.0


class Nobody:
    is_joined = False
    is_leader = False


async def test_a_crowd_that_asks_at_once_asks_the_database_once() -> None:
    asked, registry = SlowDatabase(), CollectorRegistry()
    nobody = Nobody()
    operators = Operators(
        cast(database.Connection, asked),
        cast(leadership.Leadership, nobody),
        cast(realtime.Realtime, nobody),
        metrics.Metrics(registry),
        registry,
    )
    crowd = [asyncio.create_task(operators.readyz(cast(Request, None))) for _ in range(CROWD)]
    await asyncio.sleep(0)
    asked.answers.set()
    assert {answer.status_code for answer in await asyncio.gather(*crowd)} == {200}
    assert asked.asked_count == 1
    await operators.readyz(cast(Request, None))
    assert asked.asked_count == 2
