"""Auth under the SDKs' own clients, which demand whole users and sessions."""

import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import jwt
import psycopg
import pytest
from supabase import AsyncClient, AsyncClientOptions, acreate_client
from supabase_auth.errors import AuthApiError, AuthWeakPasswordError
from supabase_auth.types import AuthResponse

from local_stack.config import Stack
from local_stack.processes import REPOSITORY
from local_stack.testing import temporary_stack

PASSWORD = "correct horse"
JAVASCRIPT = Path(__file__).with_name("auth_story.mjs")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with temporary_stack(bare=True) as stack:
        yield stack


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[AsyncClient]:
    async with httpx.AsyncClient() as http:
        options = AsyncClientOptions(httpx_client=http, auto_refresh_token=False)
        yield await acreate_client(stack.api_url, stack.anon_key, options)


@pytest.fixture
def email() -> str:
    return f"{uuid4().hex}@example.com"


async def sign_up(client: AsyncClient, email: str) -> AuthResponse:
    return await client.auth.sign_up({"email": email, "password": PASSWORD, "options": {"data": {"name": "Ada"}}})


async def test_a_new_user_is_signed_in_at_once(client: AsyncClient, stack: Stack, email: str) -> None:
    answer = await sign_up(client, email.upper())
    assert answer.user and answer.session
    assert (answer.user.email, answer.user.user_metadata["name"]) == (email, "Ada")
    assert [identity.provider for identity in answer.user.identities or []] == ["email"]
    claims = jwt.decode(answer.session.access_token, stack.jwt_secret, ["HS256"], audience="authenticated")
    assert claims["sub"] == answer.user.id
    assert claims["role"] == "authenticated"
    assert claims["app_metadata"] == {"provider": "email", "providers": ["email"]}
    assert claims["iss"] == f"{stack.api_url}/auth/v1"
    assert claims["exp"] - claims["iat"] == 3600
    assert {"aal", "amr", "session_id", "is_anonymous", "phone", "user_metadata"} <= claims.keys()


async def test_signing_in_asks_for_the_password(client: AsyncClient, email: str) -> None:
    await sign_up(client, email)
    with pytest.raises(AuthApiError) as refused:
        await client.auth.sign_in_with_password({"email": email, "password": "wrong horse"})
    assert (refused.value.status, refused.value.code) == (400, "invalid_credentials")
    answer = await client.auth.sign_in_with_password({"email": email.upper(), "password": PASSWORD})
    assert answer.user and answer.user.last_sign_in_at


async def test_an_address_signs_up_once(client: AsyncClient, email: str) -> None:
    await sign_up(client, email)
    with pytest.raises(AuthApiError) as refused:
        await sign_up(client, email)
    assert (refused.value.status, refused.value.code) == (422, "user_already_exists")


async def test_a_weak_password_is_refused(client: AsyncClient, email: str) -> None:
    with pytest.raises(AuthWeakPasswordError) as refused:
        await client.auth.sign_up({"email": email, "password": "short"})
    assert refused.value.reasons == ["length"]


async def test_the_user_is_served_and_changed(client: AsyncClient, email: str) -> None:
    await sign_up(client, email)
    changed = await client.auth.update_user({"password": "another horse", "data": {"name": "Countess"}})
    assert changed.user.user_metadata["name"] == "Countess"
    served = await client.auth.get_user()
    assert served and served.user.user_metadata == changed.user.user_metadata
    await client.auth.sign_in_with_password({"email": email, "password": "another horse"})
    with pytest.raises(AuthApiError) as refused:
        await client.auth.update_user({"password": "another horse"})
    assert refused.value.code == "same_password"


async def test_a_refresh_token_is_good_once(client: AsyncClient, stack: Stack, email: str) -> None:
    first = (await sign_up(client, email)).session
    second = (await client.auth.refresh_session()).session
    assert first and second and first.refresh_token != second.refresh_token
    # Two tabs may refresh at the same moment: both get the same session.
    again = (await client.auth.refresh_session(first.refresh_token)).session
    assert again and again.refresh_token == second.refresh_token
    with psycopg.connect(stack.admin_db_url) as connection:
        connection.execute("update auth.refresh_tokens set updated_at = updated_at - interval '1 minute'")
    for token in (first.refresh_token, second.refresh_token):
        with pytest.raises(AuthApiError) as refused:
            await client.auth.refresh_session(token)
        assert (refused.value.status, str(refused.value.code)) == (400, "refresh_token_already_used")
    with pytest.raises(AuthApiError) as refused:
        await client.auth.refresh_session("never given out")
    assert str(refused.value.code) == "refresh_token_not_found"


async def test_signing_out_ends_the_session(client: AsyncClient, stack: Stack, email: str) -> None:
    session = (await sign_up(client, email)).session
    assert session
    await client.auth.sign_out()
    headers = {"apikey": stack.anon_key, "Authorization": f"Bearer {session.access_token}"}
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{stack.api_url}/auth/v1/user", headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (403, "session_not_found")


async def test_the_role_and_the_user_arrive_in_the_database(client: AsyncClient, stack: Stack, email: str) -> None:
    with psycopg.connect(stack.db_url) as connection:
        connection.execute(
            "create or replace function public.me() returns text language sql stable"
            " as $$ select current_user || ' ' || auth.uid() || ' ' || auth.email() $$"
        )
    answer = await sign_up(client, email)
    assert answer.user
    assert (await client.rpc("me", {}).execute()).data == f"authenticated {answer.user.id} {email}"


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [("", 401, "no_authorization"), ("garbage", 403, "bad_jwt"), ("{nobody}", 403, "user_not_found")],
)
def test_the_user_endpoint_judges_tokens(stack: Stack, token: str, status: int, code: str) -> None:
    token = token.format(nobody=stack.sign({"sub": str(uuid4()), "role": "authenticated"}))
    answer = httpx.get(f"{stack.api_url}/auth/v1/user", headers={"Authorization": f"Bearer {token}".strip()})
    assert (answer.status_code, answer.json()["code"], answer.json()["error_code"]) == (status, status, code)


def test_browsers_may_ask_from_elsewhere(stack: Stack) -> None:
    asked = {"Origin": "http://app.example", "Access-Control-Request-Method": "PUT"}
    asked["Access-Control-Request-Headers"] = "apikey,authorization,x-supabase-api-version"
    answer = httpx.options(f"{stack.api_url}/auth/v1/user", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "x-supabase-api-version" in answer.headers["Access-Control-Allow-Headers"]


def test_the_javascript_client_tells_the_same_story(stack: Stack, email: str) -> None:
    env = {**os.environ, "API_URL": stack.api_url, "ANON_KEY": stack.anon_key, "EMAIL": email}
    done = subprocess.run(["node", JAVASCRIPT], env=env, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "signed_up": email,
        "signed_in": "SIGNED_IN",
        "name": "Countess",
        "refreshed": True,
        "wrong_password": ["invalid_credentials", 400],
        "weak_password": ["weak_password", 422],
        "taken": ["user_already_exists", 422],
        "signed_out": None,
    }


async def test_what_is_not_served_says_so(client: AsyncClient, email: str) -> None:
    with pytest.raises(AuthApiError) as refused:
        await client.auth.sign_in_with_otp({"email": email})
    assert (refused.value.status, refused.value.code) == (501, "not_served")
    assert "POST /auth/v1/otp" in refused.value.message
