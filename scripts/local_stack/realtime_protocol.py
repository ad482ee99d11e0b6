"""Phoenix frames in both serializers: objects (1.0.0), arrays and binary frames (2.0.0)."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

KIND_PUSH = 3
KIND_BROADCAST = 4
LONGEST_PART_BYTES = 255

Frame = str | bytes


class MalformedFrameError(Exception):
    """The client sent something that is no frame of its serializer."""


class UnencodableError(Exception):
    """The message has no form in the receiver's serializer; the real server's sender crashes on it."""


@dataclass(frozen=True)
class Message:
    """What a client sends and what is meant for one client."""

    topic: Any
    event: Any
    payload: Any
    ref: Any = None
    join_ref: Any = None


@dataclass(frozen=True)
class Event:
    """What a room gets as it is: pushes in text frames, presence."""

    event: str
    payload: Any

    @property
    def size(self) -> int:
        return len(dumps(self.payload).encode())


@dataclass(frozen=True)
class UserEvent:
    """What a room gets with a payload that nobody has looked into: from the database, HTTP and binary frames."""

    event: str
    payload: bytes
    is_json: bool
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.payload)


Broadcast = Event | UserEvent


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def loads(text: str | bytes) -> Any:
    """As strict as the real server: no NaN, no number beyond a float, no half of a surrogate pair."""
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        dumps(value).encode()
    except (ValueError, RecursionError) as error:
        raise MalformedFrameError(str(error)) from error
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{digits} is too large")
    return number


class Serializer(Protocol):
    """One version of the wire format."""

    def decode(self, frame: Frame) -> Message:
        """Raises MalformedFrameError."""

    def push(self, message: Message) -> Frame: ...

    def broadcast(self, topic: str, broadcast: Broadcast) -> Frame | None:
        """None where this version cannot carry it. Raises UnencodableError."""


def serializer(version: str) -> Serializer | None:
    """By semantic version, as Phoenix negotiates it: any patch of 1.0 and 2.0."""
    found = re.fullmatch(r"([12])\.0\.(0|[1-9]\d*)", version)
    return SERIALIZERS[found[1]] if found else None


class _Version1:
    def decode(self, frame: Frame) -> Message:
        match loads(frame):
            case {"topic": topic, "event": event, "payload": payload, "ref": ref, **rest}:
                return Message(topic, event, payload, ref, rest.get("join_ref"))
        raise MalformedFrameError("an object with topic, event, payload and ref expected")

    def push(self, message: Message) -> Frame:
        return _object(message.topic, message.event, dumps(message.payload), message.ref)

    def broadcast(self, topic: str, broadcast: Broadcast) -> Frame | None:
        if isinstance(broadcast, Event):
            return _object(topic, broadcast.event, dumps(broadcast.payload), None)
        if not broadcast.is_json:
            return None
        meta = f'"meta":{dumps(broadcast.meta)},' if broadcast.meta else ""
        payload = broadcast.payload.decode(errors="replace")
        envelope = f'{{"event":{dumps(broadcast.event)},{meta}"payload":{payload},"type":"broadcast"}}'
        return _object(topic, "broadcast", envelope, None)


class _Version2:
    def decode(self, frame: Frame) -> Message:
        if isinstance(frame, bytes):
            return _binary_push(frame)
        match loads(frame):
            case [join_ref, ref, topic, event, payload, *_]:
                return Message(topic, event, payload, ref, join_ref)
        raise MalformedFrameError("an array of five expected")

    def push(self, message: Message) -> Frame:
        return dumps([message.join_ref, message.ref, message.topic, message.event, message.payload])

    def broadcast(self, topic: str, broadcast: Broadcast) -> Frame | None:
        if isinstance(broadcast, UserEvent):
            return _binary_broadcast(topic, broadcast)
        if not isinstance(broadcast.payload, dict):
            raise UnencodableError
        return dumps([None, None, topic, broadcast.event, broadcast.payload])


SERIALIZERS: dict[str, Serializer] = {"1": _Version1(), "2": _Version2()}


def _object(topic: Any, event: Any, payload: str, ref: Any) -> str:
    return f'{{"topic":{dumps(topic)},"event":{dumps(event)},"payload":{payload},"ref":{dumps(ref)}}}'


def _binary_push(frame: bytes) -> Message:
    if len(frame) < 7 or frame[0] != KIND_PUSH:
        raise MalformedFrameError("a binary frame of kind 3 expected")
    texts, position = [], 7
    for length in frame[1:6]:
        part = frame[position : position + length]
        if len(part) < length:
            raise MalformedFrameError("the frame ends within its header")
        texts.append(part)
        position += length
    try:
        join_ref, ref, topic, event, meta = (text.decode() for text in texts)
    except UnicodeDecodeError as error:
        raise MalformedFrameError(str(error)) from error
    if meta:
        loads(meta)  # looked at and then ignored, as the real server does
    return Message(topic, "broadcast", UserEvent(event, frame[position:], is_json=frame[6] != 0), ref, join_ref)


def _binary_broadcast(topic: str, broadcast: UserEvent) -> bytes | None:
    meta = dumps(broadcast.meta) if broadcast.meta else ""
    parts = [text.encode() for text in (topic, broadcast.event, meta)]
    if max(map(len, parts)) > LONGEST_PART_BYTES:
        return None
    return bytes([KIND_BROADCAST, *map(len, parts), broadcast.is_json]) + b"".join(parts) + broadcast.payload
