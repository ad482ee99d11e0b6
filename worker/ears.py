"""One user's channel, kept joined under a token that is still good."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from worker import channels, errors, tokens
from worker.backoff import Backoff

log = structlog.get_logger()

SETTLING_S = 0.1  # a first join is answered before the server listens to the database
FAULT_FIRST_S = 0.5
FAULT_LONGEST_S = 10.0


class Ear:
    """Joins anew after each loss, and says so: what was told meanwhile was not heard."""

    def __init__(
        self,
        topic: str,
        hears: channels.Channels,
        token: Callable[[], tokens.Token],
        on_event: channels.OnEvent,
        on_joined: Callable[[], None],
    ) -> None:
        self._topic = topic
        self._hears = hears
        self._token = token
        self._on_event = on_event
        self._on_joined = on_joined
        self._changes = asyncio.Event()
        self._backoff = Backoff(FAULT_FIRST_S, FAULT_LONGEST_S)

    def change_token(self) -> None:
        """There may be a better one."""
        self._changes.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            token = self._token()
            try:
                async with self._hears.joined(self._topic, token.text, self._on_event) as channel:
                    await asyncio.sleep(SETTLING_S)
                    self._on_joined()
                    await self._stay(channel, token)
            except errors.RealtimeRefusedError as fault:
                log.info("channel.refused", reason=str(fault))
            except errors.RealtimeLostError:
                pass  # the sockets have said so, once for all
            await asyncio.sleep(self._backoff.next_s())

    async def _stay(self, channel: channels.Channel, token: tokens.Token) -> None:
        """Until the channel is lost; meanwhile goes over to the best token that there is."""
        joined_at_s = asyncio.get_running_loop().time()
        while not channel.lost.done():
            changes = asyncio.create_task(self._changes.wait())
            either: set[asyncio.Future[Any]] = {channel.lost, changes}
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                changes.cancel()
            self._changes.clear()
            best = self._token()
            if best != token and not channel.lost.done():
                token = best
                await channel.use(token.text)
        if asyncio.get_running_loop().time() - joined_at_s > FAULT_LONGEST_S:
            self._backoff.reset()
