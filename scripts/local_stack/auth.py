"""Auth as GoTrue serves it to the SDKs: sign-up, password and refresh grants, user, logout. Mail is never asked for."""

import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router

from local_stack import tokens
from local_stack.config import Stack
from local_stack.rest_cors import METHODS, Cors
from local_stack.rest_token import bearer

ACCESS_TOKEN_LIFE_S = 3600
REUSE_INTERVAL = "10 seconds"  # two tabs may refresh at once
PASSWORD_LENGTH = range(6, 73)  # bcrypt reads no more than 72 bytes
API_VERSION_HEADER = "X-Supabase-Api-Version"
API_VERSION = "2024-01-01"

Connection = psycopg.AsyncConnection[Any]
Endpoint = Callable[[Request], Awaitable[Response]]

INSERT_USER: LiteralString = """
  insert into auth.users (id, aud, role, email, encrypted_password, email_confirmed_at, raw_app_meta_data,
    raw_user_meta_data, created_at, updated_at)
  values (%(id)s, 'authenticated', 'authenticated', %(email)s,
    extensions.crypt(%(password)s, extensions.gen_salt('bf')), now(),
    '{"provider": "email", "providers": ["email"]}', %(user_metadata)s, now(), now())
"""
INSERT_IDENTITY: LiteralString = """
  insert into auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
  values (%(id)s, %(id)s, %(identity)s, 'email', now(), now(), now())
"""
FIND_USER: LiteralString = """
  select id from auth.users
  where email = %s and encrypted_password = extensions.crypt(%s, encrypted_password)
    and (banned_until is null or banned_until < now())
"""
UPDATE_USER: LiteralString = """
  update auth.users set
    email = coalesce(%(email)s, email),
    encrypted_password = coalesce(extensions.crypt(%(password)s, extensions.gen_salt('bf')), encrypted_password),
    raw_user_meta_data = (raw_user_meta_data || %(data)s)
      - array(select key from jsonb_each(%(data)s) where value = 'null'),
    updated_at = now()
  where id = %(id)s
"""
HAS_PASSWORD: LiteralString = """
  select from auth.users where id = %s and encrypted_password = extensions.crypt(%s, encrypted_password)
"""
SELECT_USER: LiteralString = """
  select json_build_object(
    'id', u.id, 'aud', u.aud, 'role', u.role, 'email', coalesce(u.email, ''), 'phone', coalesce(u.phone, ''),
    'email_confirmed_at', u.email_confirmed_at, 'confirmed_at', u.confirmed_at, 'last_sign_in_at', u.last_sign_in_at,
    'app_metadata', u.raw_app_meta_data, 'user_metadata', u.raw_user_meta_data,
    'identities', (
      select coalesce(json_agg(json_build_object(
        'identity_id', i.id, 'id', i.provider_id, 'user_id', i.user_id, 'identity_data', i.identity_data,
        'provider', i.provider, 'last_sign_in_at', i.last_sign_in_at, 'created_at', i.created_at,
        'updated_at', i.updated_at, 'email', i.email)), '[]')
      from auth.identities i where i.user_id = u.id),
    'created_at', u.created_at, 'updated_at', u.updated_at, 'is_anonymous', u.is_anonymous)
  from auth.users u where u.id = %s
"""
INSERT_SESSION: LiteralString = """
  with signed_in as (update auth.users set last_sign_in_at = now() where id = %(user)s)
  insert into auth.sessions (id, user_id, created_at, updated_at, aal) values (%(id)s, %(user)s, now(), now(), 'aal1')
"""
INSERT_REFRESH_TOKEN: LiteralString = """
  insert into auth.refresh_tokens (token, user_id, session_id, parent, revoked, created_at, updated_at)
  values (%s, %s, %s, %s, false, now(), now())
"""
LOCK_REFRESH_TOKEN: LiteralString = f"""
  select t.session_id, s.user_id, extract(epoch from s.created_at)::bigint, t.revoked,
    t.updated_at > now() - interval '{REUSE_INTERVAL}',
    (select n.token from auth.refresh_tokens n where n.session_id = s.id and not n.revoked order by n.id desc limit 1)
  from auth.refresh_tokens t join auth.sessions s on s.id = t.session_id where t.token = %s
  for update of s
"""
REVOKE: LiteralString = "update auth.refresh_tokens set revoked = true, updated_at = now() where token = %s"
REVOKE_ALL: LiteralString = "update auth.refresh_tokens set revoked = true where session_id = %s and not revoked"
SELECT_SESSION: LiteralString = "select from auth.sessions where id = %s and user_id = %s"
DELETE_SESSIONS: LiteralString = """
  delete from auth.sessions where user_id = %(user)s and case %(scope)s
    when 'local' then id = %(session)s when 'others' then id <> %(session)s else true end
"""


class AuthError(Exception):
    """An answer that is an error; newer clients ask for a shorter form of it."""

    def __init__(self, status: int, code: str, message: str, **more: object) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.more = status, code, message, more

    def response(self, request: Request) -> Response:
        if request.headers.get(API_VERSION_HEADER, "") >= API_VERSION:
            body = {"code": self.code, "message": self.message, **self.more}
            return JSONResponse(body, self.status, {API_VERSION_HEADER: API_VERSION})
        body = {"code": self.status, "error_code": self.code, "msg": self.message, **self.more}
        return JSONResponse(body, self.status)


def routes(stack: Stack, pool: AsyncConnectionPool[Connection]) -> list[BaseRoute]:
    auth = Auth(stack, pool)
    endpoints: list[tuple[str, str, Endpoint]] = [
        ("POST", "/signup", auth.sign_up),
        ("POST", "/token", auth.token),
        ("GET", "/user", auth.user),
        ("PUT", "/user", auth.update_user),
        ("POST", "/logout", auth.log_out),
        ("GET", "/health", auth.health),
        ("GET", "/settings", auth.settings),
    ]
    routed = [Route(path, _answering(endpoint), methods=[method]) for method, path, endpoint in endpoints]
    routed.append(Route("/{path:path}", _answering(_not_served), methods=METHODS.split(", ")))
    return [Mount("/auth/v1", Cors(Router(routed)))]


def _answering(endpoint: Endpoint) -> Endpoint:
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except AuthError as error:
            return error.response(request)
        except psycopg.OperationalError as error:
            return AuthError(500, "unexpected_failure", f"Database error: {error}").response(request)

    return answer


class Auth:
    """The endpoints."""

    def __init__(self, stack: Stack, pool: AsyncConnectionPool[Connection]) -> None:
        self.stack, self.pool = stack, pool

    async def health(self, _: Request) -> Response:
        return JSONResponse({"version": "local", "name": "GoTrue", "description": "Stand-in for a local stack"})

    async def settings(self, _: Request) -> Response:
        external = {"email": True, "phone": False, "anonymous_users": False}
        flags = {"disable_signup": False, "mailer_autoconfirm": True, "phone_autoconfirm": False, "saml_enabled": False}
        return JSONResponse({"external": external, "sms_provider": "", **flags})

    async def sign_up(self, request: Request) -> Response:
        body = await _body(request)
        if body.get("phone"):
            raise AuthError(400, "phone_provider_disabled", "Phone signups are disabled")
        if not body.get("email"):
            raise AuthError(422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled")
        if not body.get("password"):
            raise AuthError(400, "validation_failed", "Signup requires a valid password")
        email, password, user_id = _email(body), _password(body), uuid4()
        about = {"sub": str(user_id), "email": email, "phone_verified": False}
        values = {
            "id": user_id,
            "email": email,
            "password": password,
            "user_metadata": json.dumps({**(body.get("data") or {}), **about, "email_verified": True}),
            "identity": json.dumps({**(body.get("data") or {}), **about, "email_verified": False}),
        }
        try:
            async with self.pool.connection() as connection:
                await connection.execute(INSERT_USER, values)
                await connection.execute(INSERT_IDENTITY, values)
                return await self._start_session(connection, user_id)
        except psycopg.errors.UniqueViolation as error:
            raise AuthError(422, "user_already_exists", "User already registered") from error

    async def token(self, request: Request) -> Response:
        grant, body = request.query_params.get("grant_type"), await _body(request)
        async with self.pool.connection() as connection:
            if grant == "password":
                credentials = (str(body.get("email", "")).lower(), str(body.get("password", "")))
                found = await (await connection.execute(FIND_USER, credentials)).fetchone()
                if not found:
                    raise AuthError(400, "invalid_credentials", "Invalid login credentials")
                return await self._start_session(connection, found[0])
            if grant == "refresh_token":
                return await self._refresh(connection, str(body.get("refresh_token") or ""))
        raise AuthError(400, "invalid_credentials", "unsupported_grant_type")

    async def user(self, request: Request) -> Response:
        async with self.pool.connection() as connection:
            return JSONResponse(await _user(connection, (await self._signed_in(connection, request))[0]))

    async def update_user(self, request: Request) -> Response:
        body = await _body(request)
        async with self.pool.connection() as connection:
            user_id, _ = await self._signed_in(connection, request)
            email = _email(body) if body.get("email") else None
            password = _password(body) if body.get("password") else None
            if password and await (await connection.execute(HAS_PASSWORD, (user_id, password))).fetchone() is not None:
                raise AuthError(422, "same_password", "New password should be different from the old password.")
            data = {**(body.get("data") or {}), **({"email": email} if email else {})}
            values = {"id": user_id, "email": email, "password": password, "data": json.dumps(data)}
            try:
                await connection.execute(UPDATE_USER, values)
            except psycopg.errors.UniqueViolation as error:
                message = "A user with this email address has already been registered"
                raise AuthError(422, "email_exists", message) from error
            return JSONResponse(await _user(connection, user_id))

    async def log_out(self, request: Request) -> Response:
        scope = request.query_params.get("scope", "global")
        async with self.pool.connection() as connection:
            user_id, session_id = await self._signed_in(connection, request)
            await connection.execute(DELETE_SESSIONS, {"user": user_id, "session": session_id, "scope": scope})
        return Response(status_code=204)

    async def _start_session(self, connection: Connection, user_id: UUID) -> Response:
        session_id, refresh_token = uuid4(), secrets.token_urlsafe(16)
        await connection.execute(INSERT_SESSION, {"id": session_id, "user": user_id})
        await connection.execute(INSERT_REFRESH_TOKEN, (refresh_token, user_id, session_id, None))
        return await self._session(connection, user_id, session_id, refresh_token, int(time.time()))

    async def _refresh(self, connection: Connection, old: str) -> Response:
        """Each token is good for one refresh; a second one, later, ends the session it was stolen from."""
        found = await (await connection.execute(LOCK_REFRESH_TOKEN, (old,))).fetchone()
        if not found:
            raise AuthError(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
        session_id, user_id, signed_in_at, is_revoked, is_recent, newest = found
        if is_revoked and is_recent and newest:
            return await self._session(connection, user_id, session_id, newest, signed_in_at)
        if is_revoked:
            await connection.execute(REVOKE_ALL, (session_id,))
            await connection.commit()
            raise AuthError(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
        new = secrets.token_urlsafe(16)
        await connection.execute(REVOKE, (old,))
        await connection.execute(INSERT_REFRESH_TOKEN, (new, user_id, session_id, old))
        return await self._session(connection, user_id, session_id, new, signed_in_at)

    async def _session(
        self, connection: Connection, user_id: UUID, session_id: UUID, refresh_token: str, signed_in_at: int
    ) -> Response:
        user, now = await _user(connection, user_id), int(time.time())
        claims = {
            name: user[name] for name in ("email", "phone", "app_metadata", "user_metadata", "role", "is_anonymous")
        }
        claims |= {
            "iss": f"{self.stack.api_url}/auth/v1",
            "sub": str(user_id),
            "aud": "authenticated",
            "iat": now,
            "aal": "aal1",
            "amr": [{"method": "password", "timestamp": signed_in_at}],
            "session_id": str(session_id),
        }
        session = {
            "access_token": self.stack.sign(claims, ACCESS_TOKEN_LIFE_S),
            "token_type": "bearer",
            "expires_in": ACCESS_TOKEN_LIFE_S,
            "expires_at": now + ACCESS_TOKEN_LIFE_S,
            "refresh_token": refresh_token,
            "user": user,
        }
        return JSONResponse(session)

    async def _signed_in(self, connection: Connection, request: Request) -> tuple[UUID, UUID | None]:
        """The ids of the user and of the session that a request's token names."""
        token = bearer(request.headers.get("authorization"))
        if not token:
            raise AuthError(401, "no_authorization", "This endpoint requires a valid Bearer token")
        try:
            claims = tokens.verify(token, self.stack.jwt_secret)
            user_id = UUID(claims["sub"])
            session_id = UUID(claims["session_id"]) if claims.get("session_id") else None
        except KeyError as error:
            raise AuthError(403, "bad_jwt", "invalid claim: missing sub claim") from error
        except (tokens.TokenError, ValueError) as error:
            raise AuthError(403, "bad_jwt", f"invalid JWT: {error}") from error
        if await _user(connection, user_id) is None:
            raise AuthError(403, "user_not_found", "User from sub claim in JWT does not exist")
        if session_id and not await (await connection.execute(SELECT_SESSION, (session_id, user_id))).fetchall():
            raise AuthError(403, "session_not_found", "Session from session_id claim in JWT does not exist")
        return user_id, session_id


async def _not_served(request: Request) -> Response:
    what = f"{request.method} /auth/v1/{request.path_params['path']}"
    raise AuthError(501, "not_served", f"The local stack does not serve {what}: `supabase start` runs the real Auth.")


async def _user(connection: Connection, user_id: UUID) -> Any:
    found = await (await connection.execute(SELECT_USER, (user_id,))).fetchone()
    return found and found[0]


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError as error:
        raise AuthError(400, "bad_json", f"Could not parse request body as JSON: {error}") from error
    if not isinstance(body, dict) or not isinstance(body.get("data") or {}, dict):
        raise AuthError(400, "bad_json", "Could not parse request body as JSON: not an object")
    return body


def _email(body: dict[str, Any]) -> str:
    email = str(body["email"]).lower()
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]+", email):
        raise AuthError(400, "validation_failed", "Unable to validate email address: invalid format")
    return email


def _password(body: dict[str, Any]) -> str:
    password = str(body["password"])
    if len(password.encode()) >= PASSWORD_LENGTH.stop:
        raise AuthError(400, "validation_failed", "Password cannot be longer than 72 characters")
    if len(password) < PASSWORD_LENGTH.start:
        message = f"Password should be at least {PASSWORD_LENGTH.start} characters."
        raise AuthError(422, "weak_password", message, weak_password={"reasons": ["length"]})
    return password
