"""The three services behind one port, under the paths that Supabase's gateway gives them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import psycopg
import uvicorn
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette

from local_stack import auth, realtime, rest
from local_stack.config import Stack

POOL_SIZE = 16
LONGEST_HEAD_BYTES = 64 * 1024
LARGEST_FRAME_BYTES = 5_000_000
STOP_TIMEOUT_S = 1


def application(stack: Stack) -> Starlette:
    """The ASGI application of a stack whose database runs."""

    def pool(role: str) -> AsyncConnectionPool[psycopg.AsyncConnection[Any]]:
        return AsyncConnectionPool(stack.database_url(role), min_size=1, max_size=POOL_SIZE, open=False)

    pools = rest_pool, auth_pool, realtime_pool = (
        pool("authenticator"),
        pool("supabase_auth_admin"),
        pool("supabase_admin"),
    )
    channels = realtime.Realtime(stack, realtime_pool, realtime.Settings.from_environment())

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as opened:
            for each in pools:
                await opened.enter_async_context(each)
            await opened.enter_async_context(channels)
            print(f"serving on {stack.api_url}", flush=True)
            yield
            print("stopping", flush=True)

    routes = [*rest.routes(stack, rest_pool), *auth.routes(stack, auth_pool), *channels.routes()]
    return Starlette(routes=routes, lifespan=lifespan)


def serve(stack: Stack) -> None:
    """Serves until a signal; sockets are then closed with 1012."""
    uvicorn.run(
        application(stack),
        host="127.0.0.1",
        port=stack.api_port,
        h11_max_incomplete_event_size=LONGEST_HEAD_BYTES,
        ws="websockets-sansio",
        ws_max_size=LARGEST_FRAME_BYTES,
        ws_ping_interval=None,  # Phoenix leaves the heartbeat to the clients
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
        log_level="warning",  # at `info` it writes the keys in the addresses of sockets
        server_header=False,
    )
