"""Cross-origin requests, as PostgREST allows them; the gateway lets everything through too."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = "GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD"
EXPOSED = "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, Transfer-Encoding"
SIMPLE = ("Accept", "Accept-Language", "Content-Language")
PREFLIGHT_AGE_S = 24 * 60 * 60


class Cors:
    """Answers preflights and lets every origin read what the application answers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if "origin" not in headers:
            await self.app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and headers.get("access-control-request-method") in METHODS.split(", "):
            await _preflight(headers)(scope, receive, send)
        else:
            await self.app(scope, receive, _exposing(send))


def _exposing(send: Send) -> Send:
    async def send_exposed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Access-Control-Allow-Origin"] = "*"
            headers["Access-Control-Expose-Headers"] = f"{EXPOSED}, Range-Unit"
        await send(message)

    return send_exposed


def _preflight(headers: Headers) -> Response:
    asked = [name.strip() for name in headers.get("access-control-request-headers", "").split(",")]
    names = ["Authorization", *filter(None, asked)]
    names += [name for name in SIMPLE if name.lower() not in {known.lower() for known in names}]
    answer = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": ", ".join(names),
        "Access-Control-Max-Age": str(PREFLIGHT_AGE_S),
    }
    return Response(None, 200, answer)
