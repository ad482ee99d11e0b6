"""What operators ask: whether it lives, whether it works, and how much."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from worker import database, errors, leadership, metrics, realtime

LOOK_TIMEOUT_S = 3.0
PING = "select pg_backend_pid()"
MEASURE = "select pending_count, dead_count, oldest_age_seconds from private.measure_outbox()"


class Operators:
    """The routes. However many ask at once, the database is asked once."""

    def __init__(
        self,
        connection: database.Connection,
        leadership: leadership.Leadership,
        realtime: realtime.Realtime,
        meters: metrics.Metrics,
        registry: CollectorRegistry,
    ) -> None:
        self._connection = connection
        self._leadership = leadership
        self._realtime = realtime
        self._meters = meters
        self._registry = registry
        self._looks: dict[Callable[[], Coroutine[None, None, bool]], asyncio.Task[bool]] = {}
        self.routes: Sequence[BaseRoute] = (
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
            Route("/metrics", self.metrics),
        )

    async def healthz(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(self, _request: Request) -> Response:
        """Does not measure: how much waits is no reason to send nobody here."""
        is_up = await self._shared(self._ping)
        body = {
            "database": "up" if is_up else "down",
            "realtime": "joined" if self._realtime.is_joined else "away",
            "leader": self._leadership.is_leader,
        }
        return JSONResponse(body, 200 if is_up else 503)

    async def metrics(self, _request: Request) -> Response:
        self._meters.database_up.set(await self._shared(self._ping))
        await self._shared(self._measure)
        self._meters.realtime_up.set(self._realtime.is_joined)
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    async def _shared(self, look: Callable[[], Coroutine[None, None, bool]]) -> bool:
        task = self._looks.get(look)
        if task is None or task.done():
            task = self._looks[look] = asyncio.create_task(look())
        return await asyncio.shield(task)

    async def _ping(self) -> bool:
        """Whether the database answers."""
        try:
            await self._connection.fetch(PING, (), LOOK_TIMEOUT_S)
        except errors.DatabaseError:
            return False
        return True

    async def _measure(self) -> bool:
        """Whether the outbox could be measured; else the meters stay as they are."""
        try:
            pending_count, dead_count, oldest_age_s = await self._connection.fetch(MEASURE, (), LOOK_TIMEOUT_S)
        except errors.DatabaseError:
            return False
        self._meters.outbox_pending.set(pending_count)
        self._meters.outbox_dead.set(dead_count)
        self._meters.outbox_age.set(oldest_age_s)
        return True
