"""REST as PostgREST 14 serves it: calls to functions and reads of tables in schema `public`.

One transaction a request, under the role of its token. Whatever else PostgREST can do is answered with 501.
"""

from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http import h11_impl

from local_stack import rest_catalog, rest_token
from local_stack.config import KEY_ISSUER, Stack
from local_stack.rest_cors import Cors
from local_stack.rest_errors import ApiError, from_database
from local_stack.rest_exchange import Exchange

# A function may answer with any status; uvicorn has phrases for those below 600 and stumbles over others.
h11_impl.STATUS_PHRASES.update(dict.fromkeys(range(600, 1000), b""))

ACQUIRE_TIMEOUT_S = 5
Connection = psycopg.AsyncConnection[Any]


def routes(
    stack: Stack,
    pool: AsyncConnectionPool[Connection],
    *,
    prefix: str = "/rest/v1",
    gateway: bool = True,
) -> list[BaseRoute]:
    """`gateway`: the `apikey` counts, as behind Supabase's gateway; PostgREST alone does not know it."""
    return [Route(prefix + "/{path:path}", Cors(Rest(stack, pool, prefix, gateway)))]


class Rest:
    """The ASGI application."""

    def __init__(self, stack: Stack, pool: AsyncConnectionPool[Connection], prefix: str, gateway: bool) -> None:
        self.stack, self.pool, self.prefix, self.gateway = stack, pool, prefix, gateway
        self.user_settings: frozenset[str] = frozenset()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self.answer(request)
        await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        role = rest_token.ANONYMOUS
        try:
            claims = self.claims(request)
            role = claims["role"]
            exchange = Exchange(request, self.prefix, claims, await request.body(), knows_key=self.gateway)
            async with self.pool.connection(ACQUIRE_TIMEOUT_S) as connection:
                await self.prepare(connection)
                return await exchange.answer(connection, self.user_settings)
        except ApiError as error:
            return error.response()
        except psycopg.Error as error:
            answer = from_database(error, role != rest_token.ANONYMOUS)
            if answer.status == 503:
                await self.pool.check()  # others went with it when PostgreSQL was stopped
            return answer.response()

    def claims(self, request: Request) -> dict[str, Any]:
        """Behind the gateway one of the project's keys is the token of those who have no other."""
        token = rest_token.bearer(request.headers.get("authorization"))
        if token is None and self.gateway:
            token = self._service_key(request.headers.get("apikey") or request.query_params.get("apikey"))
        return rest_token.claims_of(token, self.stack.jwt_secret)

    def _service_key(self, key: str | None) -> str | None:
        """The key, if it says more than no token does; other tokens in its place mean nothing, as with Supabase."""
        try:
            claims = rest_token.claims_of(key, self.stack.jwt_secret)
        except ApiError:
            return None
        return key if claims.get("iss") == KEY_ISSUER and claims["role"] != rest_token.ANONYMOUS else None

    async def prepare(self, connection: Connection) -> None:
        """A connection that the pool has just made."""
        if not connection.autocommit:
            await connection.set_autocommit(True)  # a transaction begins with its mode, in one message
            await connection.execute("set search_path = ''")  # so that the catalog's type names are qualified
        if not self.user_settings:
            self.user_settings = await rest_catalog.user_settings(connection)
