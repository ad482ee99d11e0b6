"""What operators ask: whether it lives, whether it works, and how much."""

from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from worker import database, errors, leadership, metrics, realtime

LOOK_TIMEOUT_S = 3.0
LOOK = "select pending_count, dead_count, oldest_age_seconds from private.measure_outbox()"


@dataclass(frozen=True)
class Operators:
    connection: database.Connection
    leadership: leadership.Leadership
    realtime: realtime.Realtime
    meters: metrics.Metrics
    registry: CollectorRegistry

    @property
    def routes(self) -> Sequence[BaseRoute]:
        return (
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
            Route("/metrics", self.metrics),
        )

    async def healthz(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(self, _request: Request) -> Response:
        is_up = await self._look()
        body = {
            "database": "up" if is_up else "down",
            "realtime": "joined" if self.realtime.is_joined else "away",
            "leader": self.leadership.is_leader,
        }
        return JSONResponse(body, 200 if is_up else 503)

    async def metrics(self, _request: Request) -> Response:
        await self._look()
        self.meters.realtime_up.set(self.realtime.is_joined)
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)

    async def _look(self) -> bool:
        """Whether the database answers."""
        try:
            pending_count, dead_count, oldest_age_s = await self.connection.fetch(LOOK, (), LOOK_TIMEOUT_S)
        except errors.DatabaseError:
            self.meters.database_up.set(0)
            return False
        self.meters.database_up.set(1)
        self.meters.outbox_pending.set(pending_count)
        self.meters.outbox_dead.set(dead_count)
        self.meters.outbox_age.set(oldest_age_s)
        return True
