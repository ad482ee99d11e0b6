"""The server: its socket, what it measures of each answer, and how it stops."""

import contextlib
import socket
import time
from collections.abc import Iterator, Sequence

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from worker import errors, metrics

log = structlog.get_logger()

BACKLOG = 2048
SEND_BUFFER_BYTES = 64 * 1024  # what the kernel keeps for a reader that does not read
UNREAD_TIMEOUT_MS = 30_000  # after which it gives the reader up
STOP_PATIENCE_S = 3


class Timed:
    """Counts how long it takes until an answer begins, and logs what nobody foresaw."""

    def __init__(self, app: ASGIApp, meters: metrics.Metrics) -> None:
        self._app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began_at_s = time.monotonic()

        async def timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                answers = self._meters.answers.labels(_route(scope), str(message["status"]))
                answers.observe(time.monotonic() - began_at_s)
            await send(message)

        try:
            await self._app(scope, receive, timed)
        except Exception:
            log.exception("http.failed")
            raise


class Server:
    """Serves in the loop that runs it, until told to stop. Raises AddressTakenError when it is made."""

    def __init__(self, host: str, port: int, routes: Sequence[BaseRoute], meters: metrics.Metrics) -> None:
        self._socket = _listen(host, port)
        app = Starlette(routes=routes, middleware=[Middleware(Timed, meters=meters)])
        app.router.redirect_slashes = False
        self._server = _Uvicorn(
            uvicorn.Config(
                app,
                lifespan="off",
                ws="none",
                access_log=False,  # it would show the tokens in queries
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=STOP_PATIENCE_S,
            )
        )

    async def run(self) -> None:
        await self._server.serve([self._socket])

    def stop(self) -> None:
        """Takes nothing new; what is being answered gets a moment to end."""
        self._server.should_exit = True


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # they are the service's business


def _route(scope: Scope) -> str:
    """As it was written down: never the URL itself, which may hold a token, or be anything."""
    route = scope.get("route")
    return str(scope.get("root_path", "")) + route.path if isinstance(route, Route) else "other"


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as fault:
        raise errors.AddressTakenError(f"{host}:{port}: {fault.strerror or fault}") from fault
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_TIMEOUT_MS)
    return listener
