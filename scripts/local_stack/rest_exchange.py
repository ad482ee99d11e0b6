"""One request to REST, from its text to its answer."""

import json
from typing import Any
from urllib.parse import unquote

import psycopg
from starlette.requests import Request
from starlette.responses import Response

from local_stack import rest_answer, rest_query, rest_request
from local_stack import rest_catalog as catalog
from local_stack.rest_catalog import SCHEMA, Function
from local_stack.rest_cors import METHODS
from local_stack.rest_errors import ApiError, NotServedError
from local_stack.rest_request import Form, Preferences, Rows
from local_stack.rest_sql import Arguments, Body, Source, Statement, body_of, identifier

SEARCH_PATH = '"public", "extensions"'


class Exchange:
    """What can be judged without the database is judged when it is made, in the order in which PostgREST does."""

    def __init__(self, request: Request, prefix: str, claims: dict[str, Any], raw: bytes, *, knows_key: bool) -> None:
        self.method, self.headers, self.claims, self.raw = request.method, request.headers, claims, raw
        self.path = request.scope["raw_path"].decode("latin-1").removeprefix(prefix)
        match [unquote(part) for part in self.path.split("/")[1:]]:
            case [""]:
                raise NotServedError("the description of the API at its root")
            case [name]:
                self.resource, self.is_call = name, False
            case ["rpc", name]:
                self.resource, self.is_call = name, True
            case _:
                raise ApiError(404, "PGRST125", "Invalid path specified in request URL")
        self._check_schema_and_method()
        pairs = rest_query.pairs(request.scope["query_string"].decode("latin-1"))
        pairs = [pair for pair in pairs if pair[0] != "apikey"] if knows_key else pairs
        self.query = rest_query.parse(pairs, is_call_by_get=self.is_call and self.method in ("GET", "HEAD"))
        self.rows = Rows.of(self.method, self.headers, self.query)
        self.keys: set[str] = {name for name, _ in self.query.arguments}
        self.given: Arguments | Body = self.query.arguments
        if self.method in ("POST", "PATCH", "PUT"):
            self.keys, self.given = rest_request.payload(self.headers, raw, self.query.columns, self.is_call)

    def _check_schema_and_method(self) -> None:
        profile = "content-profile" if self.method in ("POST", "PATCH", "PUT", "DELETE") else "accept-profile"
        self.profile = self.headers.get(profile)
        if self.profile not in (SCHEMA, None):
            hint = f"Only the following schemas are exposed: {SCHEMA}"
            raise ApiError(406, "PGRST106", f"Invalid schema: {self.profile}", hint=hint)
        if self.is_call and self.method not in ("GET", "HEAD", "POST", "OPTIONS"):
            raise ApiError(405, "PGRST101", f"Cannot use the {self.method} method on RPC")
        if self.method not in METHODS.split(", "):
            raise ApiError(405, "PGRST117", f"Unsupported HTTP method: {self.method}")

    async def answer(self, connection: psycopg.AsyncConnection[Any], user_settings: frozenset[str]) -> Response:
        self.connection, self.user_settings = connection, user_settings
        if self.is_call:
            return await self._call()
        if self.method in ("GET", "HEAD", "OPTIONS"):
            return await self._read()
        return await self._refuse_to_write()

    async def _call(self) -> Response:
        body_type = rest_request.media_type_of(self.headers) if self.method == "POST" else None
        function = await catalog.find_function(self.connection, self.resource, self.keys, body_type)
        if self.method == "OPTIONS":
            return rest_answer.options("OPTIONS,POST" if function.is_volatile else "OPTIONS,GET,HEAD,POST")
        form, preferences = await self._wishes(function)
        alias = function.returns if function.returns_composite else self.resource
        columns = await catalog.json_columns(self.connection, alias) if self.query.goes_into_json else []
        statement = Statement(Source(f"pgrst_source as {identifier(alias)}", identifier(alias), columns))
        call = statement.call(function, self.query, self.keys, self.given)
        read = statement.read(self.query, self.rows.limit, self.rows.first)
        await self._begin(preferences, function, self.method != "POST" or not function.is_volatile)
        return await self._run(statement, call, read, (form, preferences), function)

    async def _read(self) -> Response:
        table = await catalog.find_table(self.connection, self.resource)
        if self.method == "OPTIONS":
            if not table.is_table:
                raise NotServedError("OPTIONS of a view")
            return rest_answer.options(f"OPTIONS,GET,HEAD,POST,{'PUT,' * table.has_primary_key}PATCH,DELETE")
        form, preferences = await self._wishes(None)
        statement = self._statement(table)
        rows = statement.read(self.query, self.rows.limit, self.rows.first)
        await self._begin(preferences, None, is_read_only=True)
        return await self._run(statement, rows, "select * from pgrst_source", (form, preferences), None)

    async def _refuse_to_write(self) -> Response:
        """PostgreSQL says no to those who may not write, and explains itself best; to all others we say it."""
        table = await catalog.find_table(self.connection, self.resource)
        if missing := sorted(self.keys - set(table.columns)):
            message = f"Could not find the '{missing[0]}' column of '{self.resource}' in the schema cache"
            raise ApiError(400, "PGRST204", message)
        preferences = Preferences.of(self.headers, set())
        statement = self._statement(table)
        await self._begin(preferences, None, is_read_only=False)
        write = statement.write(self.method, sorted(self.keys), self.query)
        if write:
            async with psycopg.AsyncRawCursor(self.connection) as cursor:
                await cursor.execute(f"explain {write}".encode(), statement.values)
        raise NotServedError("writes to tables")

    def _statement(self, table: catalog.Table) -> Statement:
        qualified = f"{identifier(SCHEMA)}.{identifier(self.resource)}"
        return Statement(Source(qualified, qualified, table.json_columns))

    async def _wishes(self, function: Function | None) -> tuple[Form, Preferences]:
        form = rest_request.form_of(self.headers)
        pairs = [text.partition("=") for text in rest_request.preferences_of(self.headers)]
        zones = {zone for name, _, zone in pairs if name == "timezone"}
        known = {zone for zone in zones if await catalog.is_time_zone(self.connection, zone)}
        preferences = Preferences.of(self.headers, known)
        preferences.check(function)
        return form, preferences

    async def _begin(self, preferences: Preferences, function: Function | None, is_read_only: bool) -> None:
        """The transaction and all that a function may ask about its request, in one message."""
        role = self.claims["role"]
        own = await catalog.role_settings(self.connection, role)
        headers = {name.decode(): value.decode(errors="replace") for name, value in self.headers.raw}
        settings = [
            ("search_path", SEARCH_PATH),
            *((name, value) for name, value in own if name in self.user_settings),
            ("role", role),
            ("request.jwt.claims", _json(self.claims)),
            ("request.method", self.method),
            ("request.path", self.path),
            ("request.headers", _json({name: value for name, value in headers.items() if name != "cookie"})),
            ("request.cookies", _json(_cookies(headers.get("cookie", "")))),
        ]
        if zone := preferences.known.get("timezone"):
            settings.append(("timezone", zone))
        if function:
            settings += [(name, value) for name, _, value in (text.partition("=") for text in function.settings)]
        calls = ", ".join("set_config(%s, %s, true)" for _ in settings)
        begin = f"begin isolation level read committed read {'only' if is_read_only else 'write'}; select {calls}"
        async with psycopg.AsyncClientCursor(self.connection) as cursor:
            await cursor.execute(begin.encode(), [text for setting in settings for text in setting])

    async def _run(
        self,
        statement: Statement,
        rows: str,
        read: str,
        wishes: tuple[Form, Preferences],
        function: Function | None,
    ) -> Response:
        form, preferences = wishes
        body = "''" if self.method == "HEAD" else body_of(form.media_type, function, form.is_stripped)
        count = statement.count(self.query) if "count" in preferences.known else None
        main = statement.answer(rows, read, count, body, is_one_row=bool(function and not function.returns_set))
        async with psycopg.AsyncRawCursor(self.connection) as cursor:
            await cursor.execute(main.encode(), statement.values)
            result = rest_answer.Result(*(await cursor.fetchone() or ()))
        result.check(form, preferences, function)
        await self.connection.commit()
        answer = rest_answer.response(self.method, result, self.rows, wishes, function)
        if self.profile:
            answer.headers["Content-Profile"] = self.profile
        return answer


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _cookies(header: str) -> dict[str, str]:
    """Name and value as they stand there, quotes included."""
    pairs = (part.lstrip(" ").partition("=") for part in header.split(";"))
    return {name: value for name, _, value in pairs if name}
