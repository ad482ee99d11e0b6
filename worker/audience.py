"""Everybody who streams: a hub for each user while there are streams of theirs."""

import asyncio

import structlog

from worker import channels, errors, hubs, metrics, states, streams, tokens

log = structlog.get_logger()


class Audience:
    """At most so many streams in all, and so many of one user."""

    def __init__(
        self,
        asks: states.States,
        hears: channels.Channels,
        meters: metrics.Metrics,
        longest: int,
        longest_of_one: int,
    ) -> None:
        self._asks = asks
        self._hears = hears
        self._meters = meters
        self._longest = longest
        self._longest_of_one = longest_of_one
        self._hubs: dict[str, hubs.Hub] = {}
        self._tasks: dict[hubs.Hub, asyncio.Task[None]] = {}
        self._homes: dict[streams.Stream, hubs.Hub] = {}
        self._is_stopping = False

    async def open(self, text: str) -> streams.Stream:
        """A stream for whom this token speaks for; to be closed. Raises TokenRefusedError, StateUnavailableError,
        StreamsFullError.
        """
        token = tokens.read(text)
        state = await self._asks.fetch(text)
        left_s = state.left_s(token)
        if left_s <= 0:
            raise errors.TokenRefusedError("it has expired")
        hub = self._hubs.get(token.subject)
        if self._is_stopping or len(self._homes) >= self._longest:
            raise errors.StreamsFullError("of all users")
        if hub is not None and len(hub.streams) >= self._longest_of_one:
            raise errors.StreamsFullError("of this user")
        stream = streams.Stream(token, left_s, self._meters)
        if hub is None:
            hub = self._hubs[token.subject] = hubs.Hub(token.subject, self._asks, self._hears)
            hub.add(stream, state)
            self._tasks[hub] = self._run(token.subject, hub)
        else:
            hub.add(stream, state)
        self._homes[stream] = hub
        self._meters.streams_open.set(len(self._homes))
        return stream

    def close(self, stream: streams.Stream) -> None:
        """The reader has gone; after the last one of a user nobody listens for them."""
        stream.close()
        hub = self._homes.pop(stream)
        self._meters.streams_open.set(len(self._homes))
        hub.remove(stream)
        if not hub.streams:
            self._forget(stream.token.subject, hub)
            self._tasks.pop(hub).cancel()

    def stop(self) -> None:
        """Ends each stream, with a word of when to come back, and takes no more."""
        self._is_stopping = True
        for stream in self._homes:
            stream.part()

    def _run(self, subject: str, hub: hubs.Hub) -> asyncio.Task[None]:
        def look(ended: asyncio.Task[None]) -> None:
            if not ended.cancelled() and (fault := ended.exception()) is not None:
                log.error("hub.failed", exc_info=fault)
                self._forget(subject, hub)
                for stream in hub.streams:  # they come back, to a new one
                    stream.part()

        task = asyncio.create_task(hub.run())
        task.add_done_callback(look)
        return task

    def _forget(self, subject: str, hub: hubs.Hub) -> None:
        if self._hubs.get(subject) is hub:
            del self._hubs[subject]
