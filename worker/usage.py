"""`GET /usage/stream`: the events of one's own topic as Server-Sent Events."""

from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import Receive, Scope, Send

from worker import channels, errors, metrics, states, streams
from worker.audience import Audience
from worker.settings import Settings

COMMENT_INTERVAL_S = 30
SEND_TIMEOUT_S = 20.0
RETRY_AFTER_S = "5"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class StreamResponse(EventSourceResponse):
    """Ends with its reader, or when that does not read."""

    def __init__(self, stream: streams.Stream, audience: Audience) -> None:
        super().__init__(
            stream.frames(),
            headers=HEADERS,
            ping=COMMENT_INTERVAL_S,
            ping_message_factory=_comment,
            sep=streams.SEPARATOR,
            send_timeout=SEND_TIMEOUT_S,
        )
        self._stream = stream
        self._audience = audience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            self._stream.drop("stalled")
        finally:
            self._audience.close(self._stream)


class Usage:
    """The route and all behind it. Without the project's public key there is none: users come with that and a token."""

    def __init__(self, settings: Settings, meters: metrics.Metrics) -> None:
        self.routes: list[BaseRoute] = []
        if settings.supabase_anon_key is None:
            return
        key = settings.supabase_anon_key.get_secret_value()
        self._states = states.States(settings.supabase_url, key)
        self._channels = channels.Channels(settings.supabase_url, key, meters)
        self._audience = Audience(
            self._states, self._channels, meters, settings.http_max_streams, settings.http_max_streams_per_user
        )
        # What lets a page in is a token, never a cookie: so any origin will do, unless told otherwise.
        cors = Middleware(
            CORSMiddleware,
            allow_origins=[origin.strip() for origin in settings.http_allowed_origins.split(",")],
            allow_methods=["GET"],
            allow_headers=["authorization", "cache-control", "last-event-id"],
        )
        router = Router([Route("/stream", self.stream)], redirect_slashes=False)  # to http, with the token in the URL
        self.routes.append(Mount("/usage", router, middleware=[cors]))

    async def stream(self, request: Request) -> Response:
        """Refuses before any stream starts."""
        token = _token(request)
        try:
            return StreamResponse(await self._audience.open(token), self._audience)
        except errors.TokenRefusedError as fault:
            return _refusal(401, "PT401", "not_signed_in", str(fault))
        except errors.StreamsFullError as fault:
            return _refusal(429, "PT429", "too_many_streams", str(fault))
        except errors.StateUnavailableError as fault:
            return _refusal(503, "PT503", "unavailable", str(fault))

    def renew(self) -> None:
        """Joins all channels anew."""
        if self.routes:
            self._channels.renew()

    def stop(self) -> None:
        """Ends all streams."""
        if self.routes:
            self._audience.stop()

    async def close(self) -> None:
        if self.routes:
            await self._channels.close()
            await self._states.close()


def _token(request: Request) -> str:
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    return text.strip() if kind.lower() == "bearer" else request.query_params.get("access_token", "")


def _refusal(status: int, code: str, slug: str, details: str) -> JSONResponse:
    """An error as PostgREST words it."""
    headers = {"Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    else:
        headers["Retry-After"] = RETRY_AFTER_S
    return JSONResponse({"code": code, "message": slug, "details": details, "hint": None}, status, headers)


def _comment() -> ServerSentEvent:
    return ServerSentEvent(comment="still here", sep=streams.SEPARATOR)
