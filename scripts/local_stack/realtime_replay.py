"""What was sent to a private topic before somebody joined."""

import json
from dataclasses import dataclass
from typing import Any

import psycopg

from local_stack import realtime_authorization as authorization
from local_stack.realtime_tokens import RefusedError

NOT_ASKED = object()
MOST = 25
EARLIEST_MS = -377_705_116_800_000  # the years -9999 and 9999, beyond which the real server calls it no time
LATEST_MS = 253_402_300_799_999


@dataclass(frozen=True)
class Replayed:
    """One row of realtime.messages, as it goes to the client once more."""

    id: str
    event: str | None
    payload: Any

    @property
    def envelope(self) -> dict[str, Any]:
        meta = {"id": self.id, "replayed": True}
        return {"event": self.event, "meta": meta, "payload": self.payload, "type": "broadcast"}


async def messages(pool: authorization.Pool, topic: str, request: Any, *, is_private: bool) -> list[Replayed]:
    """The newest messages that a join asks for, oldest first. Raises RefusedError."""
    if request is NOT_ASKED:
        return []
    if not is_private:
        raise _refused("Replay is not allowed for public channels")
    if not isinstance(request, dict):
        return []
    since, limit = request.get("since"), request.get("limit")
    if limit is None or limit is False:
        limit = MOST
    if type(since) is not int or type(limit) is not int or not EARLIEST_MS <= since <= LATEST_MS:
        raise _refused("Replay params are not valid")
    try:
        return await _read(pool, topic, max(since, 0), max(1, min(limit, MOST)))
    except psycopg.Error as error:
        raise _refused("Realtime was unable to replay messages") from error


async def _read(pool: authorization.Pool, topic: str, since_ms: int, limit: int) -> list[Replayed]:
    async with pool.connection(authorization.POOL_TIMEOUT_S) as connection:
        cursor = await connection.execute(
            """select id::text, event, payload::text from realtime.messages
               where topic = %s and private and extension = 'broadcast'
                 and inserted_at >= to_timestamp(%s / 1000.0) at time zone 'UTC'
                 and inserted_at < now() at time zone 'UTC' + interval '1 minute'
               order by inserted_at desc limit %s""",
            [topic, since_ms, limit],
        )
        rows = await cursor.fetchall()
    return [Replayed(key, event, json.loads(payload) if payload else None) for key, event, payload in reversed(rows)]


def _refused(reason: str) -> RefusedError:
    return RefusedError("UnableToReplayMessages", reason)
