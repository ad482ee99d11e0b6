"""Delivers notifications to webhooks: claims what is due, posts it, and books what came of it."""

import asyncio
import json
from collections import defaultdict
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from worker import database, jobs, schedule, webhooks

log = structlog.get_logger()

BATCH_SIZE = 200
PER_ENDPOINT = 16  # at once, of one worker; there is no other bound, so that no endpoint waits for another
LEASE = timedelta(seconds=60)  # beyond what a try takes: only what a lost worker claimed is claimed again
FINISH_S = 4.0  # less than what stops us has patience for

CLAIM = """select c.deliveries, c.claimed_at, c.leased_until, c.next_delivery_at, clock_timestamp()
    from private.claim_deliveries(%s, %s, %s, %s) c"""
SETTLE = "select s.delivered_count, s.failed_count, s.dead_count from private.settle_deliveries(%s, %s) s"


class Deliveries:
    """Any number of workers deliver, each what it claims. A round books what has come back and claims what is due; it
    runs at each deadline, when a notification is written, when a try is over, and at least every `fallback_s`.
    """

    def __init__(self, connection: database.Connection, poster: webhooks.Poster, fallback_s: float) -> None:
        self._connection = connection
        self._poster = poster
        self._rounds = schedule.Deadlines(self._round, fallback_s)
        self._running: dict[asyncio.Task[None], UUID] = {}
        self._outcomes: defaultdict[UUID, list[dict[str, Any]]] = defaultdict(list)

    async def run(self) -> None:
        """Until stopped; then tries that run may finish, for a moment. What is cut off is tried again by anybody."""
        try:
            self._rounds.lead(True)
            await self._rounds.run()
            if self._running:
                await asyncio.wait(self._running, timeout=FINISH_S)
            await self._settle()
        finally:
            for task in self._running:
                task.cancel()
            await self._poster.close()

    def hint(self) -> None:
        """There may be something to deliver."""
        self._rounds.hint(None)

    def stop(self) -> None:
        self._rounds.stop()

    async def _round(self) -> jobs.Sweep:
        settled_count = await self._settle()
        parameters = (BATCH_SIZE, PER_ENDPOINT, LEASE, list(self._running.values()))
        claims, claimed_at, leased_until, next_at, server_time = await self._connection.fetch(CLAIM, parameters)
        for claim in claims:
            delivery = delivery_of(claim, claimed_at)
            task = asyncio.create_task(self._try(delivery, leased_until))
            self._running[task] = delivery.endpoint_id
            task.add_done_callback(self._forget)
        return jobs.Sweep(settled_count + len(claims), next_at, server_time)

    async def _try(self, delivery: webhooks.Delivery, leased_until: datetime) -> None:
        outcome = await self._poster.post(delivery)
        if not outcome.is_delivered:
            log.warning(
                "webhook.failed",
                endpoint=str(delivery.endpoint_id),
                notification=str(delivery.notification_id),
                tries=delivery.try_count,
                reason=outcome.error,
            )
        booked = {"notification_id": str(delivery.notification_id), "leased_until": leased_until.isoformat()}
        self._outcomes[delivery.endpoint_id].append(booked | asdict(outcome))

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        if not task.cancelled():
            self._rounds.wake()

    async def _settle(self) -> int:
        """Books outcomes, of each endpoint in a transaction. Raises DatabaseError; what is not booked stays."""
        settled_count = 0
        for endpoint_id in list(self._outcomes):
            outcomes = list(self._outcomes[endpoint_id])
            delivered, failed, dead = await self._connection.fetch(SETTLE, (endpoint_id, json.dumps(outcomes)))
            del self._outcomes[endpoint_id][: len(outcomes)]
            if not self._outcomes[endpoint_id]:
                del self._outcomes[endpoint_id]
            if dead:
                log.error("webhook.dead", endpoint=str(endpoint_id), count=dead)
            settled_count += delivered + failed + dead
        return settled_count


def delivery_of(claim: dict[str, Any], sent_at: datetime) -> webhooks.Delivery:
    """What the database answers, as a try."""
    return webhooks.Delivery(
        UUID(claim["notification_id"]),
        UUID(claim["endpoint_id"]),
        claim["url"],
        claim["secret"],
        claim["body"],
        claim["try_count"],
        sent_at,
    )
