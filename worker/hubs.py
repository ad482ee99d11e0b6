"""What the streams of one user share: a channel, a look at the state now and then, and the last version."""

import asyncio
import contextlib
from typing import Any

import structlog

from worker import channels, errors, metrics, states, streams, tokens
from worker.backoff import Backoff

log = structlog.get_logger()

HEARTBEAT_S = 10.0
IDLE_S = 30.0  # between two looks while no session is active
GRACE_S = 1.0  # after a deadline, for the event that tells of it to come first
SETTLING_S = 0.1  # a first join is answered before the server listens to the database
FAULT_FIRST_S = 0.5
FAULT_LONGEST_S = 10.0

STATE = "session:state"
HEARTBEAT = "session:heartbeat"


class Hub:
    """Tells the user's streams what the channel says; what it does not say, a look at the state finds.

    Acts under the token that is good for longest among those of its streams.
    """

    def __init__(self, subject: str, asks: states.States, hears: channels.Channels, meters: metrics.Metrics) -> None:
        self.streams: set[streams.Stream] = set()
        self._topic = f"user:{subject}"
        self._asks = asks
        self._hears = hears
        self._meters = meters
        self._best: tokens.Token | None = None
        self._version = -1
        self._is_active = False
        self._beaten_at_s = _now_s()
        self._deadline_at_s = float("inf")
        self._woken = asyncio.Event()
        self._must_look = False
        self._moves = asyncio.Event()
        self._faults = Backoff(FAULT_FIRST_S, FAULT_LONGEST_S)

    def add(self, stream: streams.Stream, state: states.State) -> None:
        """A stream begins, with the state that its own token was answered."""
        self.streams.add(stream)
        self._best = self._best or stream.token
        self._moves.set()
        self._take(state)
        stream.send(_event(STATE, state))

    def remove(self, stream: streams.Stream) -> None:
        self.streams.discard(stream)
        if self.streams:
            self._moves.set()

    async def run(self) -> None:
        """Until cancelled, while there are streams."""
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._listen())
            parts.create_task(self._look())

    async def _listen(self) -> None:
        backoff = Backoff(FAULT_FIRST_S, FAULT_LONGEST_S)
        while True:
            token = self._token()
            try:
                async with self._hears.joined(self._topic, token.text, self._hear) as channel:
                    joined_at_s = _now_s()
                    await asyncio.sleep(SETTLING_S)
                    self._look_soon()  # for what was said while nobody listened
                    await self._stay(channel, token)
                    self._meters.realtime_lost.labels("user").inc()
                    if _now_s() - joined_at_s > FAULT_LONGEST_S:
                        backoff.reset()
            except errors.RealtimeRefusedError as fault:
                log.info("channel.refused", reason=str(fault))
            except errors.RealtimeLostError:
                pass  # the sockets have said so, once for all
            await asyncio.sleep(backoff.next_s())

    async def _stay(self, channel: channels.Channel, token: tokens.Token) -> None:
        """Until the channel is lost; meanwhile goes over to the best token that there is."""
        while not channel.lost.done():
            moves = asyncio.create_task(self._moves.wait())
            either: set[asyncio.Future[Any]] = {channel.lost, moves}
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                moves.cancel()
            self._moves.clear()
            best = self._token()
            if best != token and not channel.lost.done():
                token = best
                await channel.use(token.text)

    def _hear(self, name: str, payload: dict[str, Any]) -> None:
        version = payload.get("version")
        if not isinstance(version, int):
            version = -1  # says nothing of the state, and is handed on without an id
        if version > self._version + 1:
            self._look_soon()  # something was missed
        state = payload.get("state")
        if state is not None:
            with contextlib.suppress(KeyError, TypeError, ValueError):  # what cannot be read is still handed on
                self._take(states.State.of(state))
        self._version = max(self._version, version)
        event = streams.Event.of(name, version, payload, is_state=state is not None)
        for stream in self.streams:
            stream.send(event)

    async def _look(self) -> None:
        """Once in a while, when a session is due to end, and whenever something may have been missed."""
        while True:
            beat_at_s = self._beaten_at_s + (HEARTBEAT_S if self._is_active else IDLE_S)
            wait_s = min(beat_at_s, self._deadline_at_s) - _now_s()
            if wait_s > 0 and not self._must_look:
                self._woken.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), wait_s)
                continue
            self._must_look, self._deadline_at_s = False, float("inf")
            is_beat = _now_s() >= beat_at_s
            token = self._token()
            try:
                state = await self._asks.fetch(token.text)
            except errors.HourglassError as fault:
                self._look_soon()
                if isinstance(fault, errors.TokenRefusedError):
                    self._expire(token)
                await asyncio.sleep(self._faults.next_s())
                continue
            self._faults.reset()
            if is_beat:
                self._beaten_at_s = _now_s()
            self._take(state)
            self._tell(state, is_beat and state.is_active)

    def _look_soon(self) -> None:
        self._must_look = True
        self._woken.set()

    def _tell(self, state: states.State, is_beat: bool) -> None:
        for stream in self.streams:
            if state.version > stream.version:
                stream.send(_event(STATE, state))
            elif is_beat:
                stream.send(_event(HEARTBEAT, state))

    def _take(self, state: states.State) -> None:
        if state.version < self._version:
            return
        if state.is_active and not self._is_active:
            self._beaten_at_s = _now_s()
        self._version, self._is_active = state.version, state.is_active
        self._deadline_at_s = _now_s() + max(0, state.deadline_in_s) + GRACE_S
        self._woken.set()

    def _expire(self, token: tokens.Token) -> None:
        for stream in self.streams:
            if stream.token == token:
                stream.expire()

    def _token(self) -> tokens.Token:
        """That of the stream that is open for longest; the last one between the end of all and that of the hub."""
        best = max(self.streams, key=lambda stream: (not stream.is_ended, stream.expires_at_s), default=None)
        if best is not None:
            self._best = best.token
        assert self._best is not None  # noqa: S101 - a hub begins with a stream
        return self._best


def _event(name: str, state: states.State) -> streams.Event:
    return streams.Event.of(name, state.version, state.fields, is_state=True)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
