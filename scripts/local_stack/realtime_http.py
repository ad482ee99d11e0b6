"""Broadcasts over HTTP: a batch, and one message to one topic."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from local_stack import realtime_authorization as authorization
from local_stack import realtime_protocol as protocol
from local_stack import realtime_tokens as tokens

if TYPE_CHECKING:
    from local_stack.realtime import Realtime

BLANK = "can't be blank"
INVALID = "is invalid"
TOO_LARGE = "Payload size exceeds tenant limit"
WRONG_TYPE = "Unsupported Media Type. Use application/json or application/octet-stream"
JSON = "application/json"
BYTES = "application/octet-stream"
METHODS = ["POST", "OPTIONS"]
ANY_ORIGIN = Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["POST"], allow_headers=["*"])
TRUE = ("true", "1", True)
FALSE = ("false", "0", False, None)

Errors = dict[str, list[str]]


class RefusedError(Exception):
    """The request ends here, with this answer."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


class Endpoints:
    """The two routes, on the rooms of one server."""

    def __init__(self, realtime: "Realtime") -> None:
        self.realtime = realtime

    def routes(self, prefix: str) -> list[Route]:
        return [
            Route(f"{prefix}/api/broadcast", _answer(self._batch), methods=METHODS, middleware=[ANY_ORIGIN]),
            Route(
                f"{prefix}/api/broadcast/{{_:path}}", _answer(self._single), methods=METHODS, middleware=[ANY_ORIGIN]
            ),
        ]

    async def _batch(self, request: Request) -> None:
        body = await _json(request)
        person = self._person(request)
        messages = body.get("messages") if isinstance(body, dict) else None
        if isinstance(messages, dict):
            messages = list(messages.values())
        if messages is None or messages == []:
            raise _unprocessable({"messages": [BLANK]})
        if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
            raise _unprocessable({"messages": [INVALID]})
        errors = [self._errors(message) for message in messages]
        if any(errors):
            raise _unprocessable({"messages": errors})
        await self._send(person, messages)

    def _errors(self, message: dict[str, Any]) -> Errors:
        errors = {**_text_errors(message, "topic"), **_text_errors(message, "event")}
        payload, private = message.get("payload"), message.get("private")
        if payload is None or payload == "":
            errors["payload"] = [BLANK]
        elif not isinstance(payload, dict):
            errors["payload"] = [INVALID]
        elif not self._fits(protocol.dumps(payload).encode()):
            errors["payload"] = [TOO_LARGE]
        if isinstance(private, int | float) is not isinstance(private, bool) or private not in TRUE + FALSE:
            errors["private"] = [INVALID]
        if not isinstance(message.get("id"), str | None):
            errors["id"] = [INVALID]
        return errors

    async def _send(self, person: authorization.Person, messages: list[dict[str, Any]]) -> None:
        """The public ones first; a private topic that the person may not write to is left out without a word."""
        private = [message for message in messages if message.get("private") in TRUE]
        for message in messages:
            if message not in private:
                self._publish(message, private=False)
        for topic in sorted({message["topic"] for message in private}):
            try:
                allowed = await authorization.writable(self.realtime.pool, person, topic)
            except tokens.RefusedError:
                continue
            for message in private:
                if message["topic"] == topic and authorization.BROADCAST in allowed:
                    self._publish(message, private=True)

    def _publish(self, message: dict[str, Any], *, private: bool) -> None:
        meta = {"meta": {"id": message["id"]}} if message.get("id") else {}
        envelope = {"event": message["event"], **meta, "payload": message["payload"], "type": "broadcast"}
        self.realtime.rooms.publish(message["topic"], private, protocol.Event("broadcast", envelope))

    async def _single(self, request: Request) -> None:
        topic, event = _topic_and_event(request)
        kind = _content_type(request)
        if kind not in ("", JSON, BYTES):
            raise RefusedError(JSONResponse({"error": WRONG_TYPE}, 415))
        if kind == BYTES:
            data = await request.body()
        else:
            body = await _json(request)
            data = protocol.dumps(body if isinstance(body, dict) else {"_json": body}).encode()
        person = self._person(request)
        message = {"topic": topic, "event": event}
        errors = {**_text_errors(message, "topic"), **_text_errors(message, "event")}
        if not self._fits(data):
            errors["payload"] = [TOO_LARGE]
        if errors:
            raise _unprocessable(errors)
        private = request.query_params.get("private") == "true"
        if private:
            await self._require_write(person, topic)
        self.realtime.rooms.publish(topic, private, protocol.UserEvent(event, data, kind != BYTES))

    async def _require_write(self, person: authorization.Person, topic: str) -> None:
        try:
            allowed = await authorization.writable(self.realtime.pool, person, topic)
        except authorization.UnreachableError as error:
            raise _refused(422, "Tenant database unavailable") from error
        except tokens.RefusedError as error:
            raise _refused(422, "RLS policy error") from error
        if authorization.BROADCAST not in allowed:
            raise _refused(403, "Unauthorized")

    def _person(self, request: Request) -> authorization.Person:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not token or scheme.lower() != "bearer":
            token = request.headers.get("apikey", "")
        try:
            claims = tokens.authorise(token, self.realtime.jwt_secret)
        except tokens.RefusedError as error:
            raise _refused(401, "Unauthorized") from error
        return authorization.Person(claims, dict(request.headers))

    def _fits(self, payload: bytes) -> bool:
        return len(payload) <= self.realtime.settings.payload_bytes


def _answer(endpoint: Callable[[Request], Awaitable[None]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            await endpoint(request)
        except RefusedError as refusal:
            return refusal.response
        return Response(status_code=202)

    return answer


def _topic_and_event(request: Request) -> tuple[str, str]:
    # Of the raw path, because a topic may hold an encoded slash.
    match request.scope["raw_path"].decode().split("/api/broadcast/", 1)[1].split("/"):
        case [topic, "events", event]:
            return unquote(topic), unquote(event)
    raise RefusedError(Response(status_code=404))


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _json(request: Request) -> Any:
    """The body; an empty object where there is none or it is of another type."""
    body = await request.body()
    if not body or _content_type(request) != JSON:
        return {}
    try:
        return protocol.loads(body)
    except protocol.MalformedFrameError as error:
        raise RefusedError(PlainTextResponse("Bad Request", 400)) from error


def _text_errors(message: dict[str, Any], key: str) -> Errors:
    text = message.get(key)
    if text is not None and not isinstance(text, str):
        return {key: [INVALID]}
    return {} if text and text.strip() else {key: [BLANK]}


def _refused(status: int, message: str) -> RefusedError:
    return RefusedError(JSONResponse({"message": message}, status))


def _unprocessable(errors: dict[str, Any]) -> RefusedError:
    return RefusedError(JSONResponse({"errors": errors}, 422))
