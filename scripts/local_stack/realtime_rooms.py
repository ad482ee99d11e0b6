"""Rooms: who hears a topic, and who is present in it. A public and a private room of one name are two."""

import secrets
import time
from typing import Any, Protocol

from local_stack import realtime_protocol as protocol

Meta = dict[str, Any]


class Member(Protocol):
    """A joined channel, as its room sees it."""

    presence_key: str
    presence: Meta | None

    def deliver(self, broadcast: protocol.Broadcast, frames: dict[protocol.Serializer, protocol.Frame | None]) -> None:
        """Takes one message. `frames` keeps what is encoded already. Raises UnencodableError."""

    def shut_down(self, message: str) -> None: ...


class Room:
    """The channels that joined, in the order of their joins."""

    def __init__(self) -> None:
        self.members: dict[Member, None] = {}

    def broadcast(self, broadcast: protocol.Broadcast, sender: Member | None = None) -> None:
        """Hands a message to everybody but the sender. Raises UnencodableError when somebody cannot take it."""
        frames: dict[protocol.Serializer, protocol.Frame | None] = {}
        for member in list(self.members):
            if member is not sender:
                member.deliver(broadcast, frames)

    def presences(self) -> dict[str, Any]:
        state: dict[str, Any] = {}
        for member in self.members:
            if member.presence is not None:
                state.setdefault(member.presence_key, {"metas": []})["metas"].append(member.presence)
        return state

    def track(self, member: Member, payload: Meta) -> None:
        """Announces a member, or what is new about one."""
        before, meta = member.presence, {**payload, "phx_ref": secrets.token_urlsafe(12)}
        if before is not None:
            meta["phx_ref_prev"] = before["phx_ref"]
        member.presence = meta
        self._announce(member, joins=meta, leaves=before)

    def untrack(self, member: Member) -> None:
        before, member.presence = member.presence, None
        if before is not None:
            self._announce(member, joins=None, leaves=before)

    def _announce(self, member: Member, *, joins: Meta | None, leaves: Meta | None) -> None:
        def of(meta: Meta | None) -> dict[str, Any]:
            return {member.presence_key: {"metas": [meta]}} if meta is not None else {}

        self.broadcast(protocol.Event("presence_diff", {"joins": of(joins), "leaves": of(leaves)}))


class Rooms:
    """All rooms of the server, by topic and whether private."""

    def __init__(self, events_per_second: int | None) -> None:
        self.events_per_second = events_per_second
        self._rooms: dict[tuple[str, bool], Room] = {}
        self._second, self._events = 0, 0

    def enter(self, topic: str, private: bool, member: Member) -> Room:
        room = self._rooms.setdefault((topic, private), Room())
        room.members[member] = None
        return room

    def leave(self, topic: str, private: bool, member: Member) -> None:
        room = self._rooms[topic, private]
        del room.members[member]
        room.untrack(member)
        if not room.members:
            del self._rooms[topic, private]

    def publish(self, topic: str, private: bool, broadcast: protocol.Broadcast, sender: Member | None = None) -> None:
        """Hands a message to a room. Raises UnencodableError."""
        room = self._rooms.get((topic, private))
        if room is None:
            return
        room.broadcast(broadcast, sender)
        if self._is_too_much(len(room.members)):
            for member in list(room.members):
                member.shut_down("Too many messages per second")

    def _is_too_much(self, events: int) -> bool:
        if self.events_per_second is None:
            return False
        second = int(time.monotonic())
        self._events = events + (self._events if second == self._second else 0)
        self._second = second
        return self._events > self.events_per_second
