"""One client's stream: what waits to be sent to it, bounded."""

import asyncio
import json
import math
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Self

import structlog
from sse_starlette import ServerSentEvent

from worker import metrics, tokens

log = structlog.get_logger()

BACKLOG = 64  # events that may wait for a reader; about 50 kB
RETRY_MS = 1000
RETRY_LONGEST_MS = 5000  # after a stop, so that clients do not come back all at once
SEPARATOR = "\n"

DROPPED = "stream:dropped"
EXPIRED = "auth:expired"


@dataclass(frozen=True)
class Event:
    """What is told to each stream of a user; `data` is one line of JSON."""

    name: str
    version: int
    data: str
    is_state: bool  # holds a whole usage_state, so that an older one is of no use

    @classmethod
    def of(cls, name: str, version: int, payload: Any, *, is_state: bool) -> Self:
        return cls(name, version, _json(payload), is_state)


class Stream:
    """Takes events as they come and hands them out as its reader takes them."""

    def __init__(self, token: tokens.Token, left_s: float, meters: metrics.Metrics) -> None:
        loop = asyncio.get_running_loop()
        self.token = token
        self.expires_at_s = loop.time() + left_s  # by the monotonic clock
        self.version = -1
        self._meters = meters
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._is_ended = False
        self._expiry = loop.call_later(left_s, self.expire) if left_s < math.inf else None
        self._put(ServerSentEvent(retry=RETRY_MS, sep=SEPARATOR))

    @property
    def is_ended(self) -> bool:
        """Nothing more is taken; what waits is still handed out."""
        return self._is_ended

    def send(self, event: Event) -> None:
        """An `id` never goes back: an event that was overtaken by a later version has none."""
        if self._is_ended or (event.is_state and event.version < self.version):
            return
        if self._waiting.qsize() >= BACKLOG:
            self.drop("slow")
            return
        number = str(event.version) if event.version >= self.version else None
        self.version = max(self.version, event.version)
        self._put(ServerSentEvent(event.data, event=event.name, id=number, sep=SEPARATOR))

    def drop(self, reason: str) -> None:
        """Forgets what waits, and ends it: its reader does not keep up."""
        if self._is_ended:
            return
        log.warning("stream.dropped", reason=reason)
        self._meters.streams_dropped.labels(reason).inc()
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._end(ServerSentEvent(_json({"reason": reason}), event=DROPPED, sep=SEPARATOR))

    def expire(self) -> None:
        """The token is good no longer."""
        self._end(ServerSentEvent(_json({"reason": "token_expired"}), event=EXPIRED, sep=SEPARATOR))

    def part(self) -> None:
        """The worker stops; the client comes back by itself, to whoever is there then."""
        pause_ms = random.randint(RETRY_MS, RETRY_LONGEST_MS)  # noqa: S311 - spreads load, protects nothing
        self._end(ServerSentEvent(comment="the worker stops", retry=pause_ms, sep=SEPARATOR))

    def close(self) -> None:
        """Its reader is gone."""
        self._is_ended = True
        if self._expiry is not None:
            self._expiry.cancel()

    async def frames(self) -> AsyncIterator[bytes]:
        """What is to be written, until the stream ends."""
        while (frame := await self._waiting.get()) is not None:
            yield frame

    def _end(self, farewell: ServerSentEvent) -> None:
        if not self._is_ended:
            self.close()
            self._put(farewell)
            self._waiting.put_nowait(None)

    def _put(self, event: ServerSentEvent) -> None:
        self._waiting.put_nowait(event.encode())


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
