"""What the streams of one user share: a channel, a look at the state now and then, and the last version."""

import asyncio
import contextlib
from typing import Any

from worker import channels, ears, errors, states, streams, tokens
from worker.backoff import Backoff

HEARTBEAT_S = 10.0
IDLE_S = 30.0  # between two looks while no session is active
GRACE_S = 1.0  # after a deadline, for the event that tells of it to come first
FAULT_FIRST_S = 0.5
FAULT_LONGEST_S = 10.0

STATE = "session:state"
HEARTBEAT = "session:heartbeat"


class Hub:
    """Tells the user's streams what the channel says; what it does not say, a look at the state finds.

    Acts under the token that is good for longest among those of its streams.
    """

    def __init__(self, subject: str, asks: states.States, hears: channels.Channels) -> None:
        self.streams: set[streams.Stream] = set()
        self._asks = asks
        self._ear = ears.Ear(f"user:{subject}", hears, self._token, self._hear, self._look_soon)
        self._best: tokens.Token | None = None
        self._version = -1
        self._is_active = False
        self._beaten_at_s = _now_s()
        self._deadline_at_s = float("inf")
        self._woken = asyncio.Event()
        self._must_look = False
        self._faults = Backoff(FAULT_FIRST_S, FAULT_LONGEST_S)

    def add(self, stream: streams.Stream, state: states.State) -> None:
        """A stream begins, with the state that its own token was answered."""
        self.streams.add(stream)
        self._best = self._best or stream.token
        self._ear.change_token()
        if state.version < self._version:
            self._look_soon()  # an event overtook the answer, and this stream was not there to hear it
        self._take(state)
        stream.send(_event(STATE, state))

    def remove(self, stream: streams.Stream) -> None:
        self.streams.discard(stream)
        self._ear.change_token()

    async def run(self) -> None:
        """Until cancelled, while there are streams."""
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._ear.run())
            parts.create_task(self._look())

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
