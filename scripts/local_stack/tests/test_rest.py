"""REST where no vector looks: the gateway's ways, functions that have just been made, PostgreSQL that goes away."""

import asyncio
import signal
import time
from collections.abc import Iterator

import httpx
import jwt
import psycopg
import pytest
from postgrest import CountMethod
from supabase import AsyncClientOptions, PostgrestAPIError, acreate_client

from local_stack.testing import TemporaryStack, temporary_stack

SCHEMA = """
  create function public.me() returns jsonb language sql stable as $$
    select jsonb_build_object('role', current_user, 'claims', current_setting('request.jwt.claims')::jsonb) $$;
  create function public.beacon(text) returns text language sql volatile as $$ select upper($1) $$;
  create function public.whole(jsonb) returns jsonb language sql volatile as $$ select $1 $$;
  create function public.cookie(name text) returns text language sql stable as $$
    select current_setting('request.cookies')::json ->> name $$;
  create function public.leave(room uuid) returns uuid language sql volatile as $$ select room $$;
  create table public.words (id bigint primary key, word text not null, at timestamptz not null);
  insert into public.words values (9007199254740993, 'first', '2024-02-29 12:34:56.5+00'), (2, 'second', 'epoch');
  revoke insert, update, delete on public.words from anon, authenticated;
"""


@pytest.fixture(scope="module")
def stack() -> Iterator[TemporaryStack]:
    with temporary_stack(bare=True) as stack:
        with psycopg.connect(stack.db_url) as connection:
            connection.execute(SCHEMA)
        yield stack


@pytest.fixture
def http(stack: TemporaryStack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{stack.api_url}/rest/v1") as client:
        yield client


def test_a_key_is_the_token_of_those_who_have_no_other(stack: TemporaryStack, http: httpx.Client) -> None:
    user = {"Authorization": f"Bearer {stack.sign({'sub': 'ada', 'role': 'authenticated'})}"}
    for key, more, role in (
        (stack.anon_key, {}, "anon"),
        (stack.service_role_key, {}, "service_role"),
        (stack.service_role_key, user, "authenticated"),
    ):
        assert http.get("/rpc/me", headers={"apikey": key, **more}).json()["role"] == role
        assert http.get("/rpc/me", params={"apikey": key}, headers=more).json()["role"] == role


def test_another_token_in_the_place_of_a_key_means_nothing(stack: TemporaryStack, http: httpx.Client) -> None:
    """Supabase's gateway hands it on, and PostgREST does not take it for one."""
    for key in ("garbage", stack.sign({"role": "service_role"}), stack.sign({"role": "authenticated"}, -60)):
        answer = http.get("/rpc/me", headers={"apikey": key})
        assert answer.json() == {"role": "anon", "claims": {"role": "anon"}}


def test_a_beacon_arrives(stack: TemporaryStack, http: httpx.Client) -> None:
    """`navigator.sendBeacon` sends no headers of one's own."""
    key, room = {"apikey": stack.anon_key}, "0b7e1a52-3c1d-4f5e-8a6b-000000000001"
    plain = {"Content-Type": "text/plain;charset=UTF-8", "Origin": "https://app.example"}
    assert http.post("/rpc/beacon", params=key, content="bye", headers=plain).json() == "BYE"
    assert http.post("/rpc/leave", params=key, json={"room": room}).json() == room


@pytest.mark.parametrize("role", ["postgres", "supabase_admin", "authenticator", "none", "nobody"])
def test_other_roles_are_refused(stack: TemporaryStack, http: httpx.Client, role: str) -> None:
    answer = http.get("/rpc/me", headers={"Authorization": f"Bearer {stack.sign({'role': role})}"})
    assert (answer.status_code, answer.json()["code"]) in [(401, "22023"), (403, "42501")]


@pytest.mark.parametrize(
    ("algorithm", "claims", "expected"),
    [
        ("HS384", {}, ("PGRST301", "No suitable key or wrong key type")),
        ("HS256", {"aud": {}}, ("PGRST303", "The JWT 'aud' claim must be a string or an array of strings")),
        ("HS256", {"exp": 1e30}, ("PGRST303", "JWT expired")),
        ("HS256", {"exp": int(time.time()) + 600.5}, ("PGRST303", "JWT expired")),
        ("HS256", {"role": None}, ("22023", 'role "null" does not exist')),
    ],
)
def test_tokens_are_judged_as_postgrest_does(
    stack: TemporaryStack, http: httpx.Client, algorithm: str, claims: dict[str, object], expected: tuple[str, str]
) -> None:
    """Its time claims are whole numbers of 64 bits, and its key is for one algorithm."""
    token = jwt.encode({"role": "anon", **claims}, stack.jwt_secret, algorithm)
    answer = http.get("/rpc/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert (answer.json()["code"], answer.json()["message"]) == expected


def test_an_empty_body_is_no_json_for_an_unnamed_parameter(http: httpx.Client) -> None:
    answer = http.post("/rpc/whole", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "22P02")


def test_cookies_are_as_they_were_sent(http: httpx.Client) -> None:
    answer = http.get("/rpc/cookie?name=b", headers={"Cookie": 'a[0]=1; b="two, 2"'})
    assert answer.json() == '"two, 2"'


def test_a_new_function_is_served_at_once_and_a_changed_one_too(stack: TemporaryStack, http: httpx.Client) -> None:
    for statement, expected in (
        ("create function public.fresh(a int) returns int language sql as 'select a'", 1),
        ("create or replace function public.fresh(a int) returns int language sql as 'select a + 1'", 2),
        ("drop function public.fresh; create function public.fresh(a int) returns text return 'text ' || a", "text 1"),
    ):
        with psycopg.connect(stack.db_url, autocommit=True) as connection:
            connection.execute(statement.encode())
        for _ in range(8):  # statements are prepared after a few
            assert http.post("/rpc/fresh", json={"a": 1}).json() == expected


async def test_the_python_client_calls_and_reads(stack: TemporaryStack) -> None:
    async with httpx.AsyncClient() as shared:
        client = await acreate_client(stack.api_url, stack.anon_key, AsyncClientOptions(httpx_client=shared))
        words = await client.table("words").select("id,word", count=CountMethod.exact).order("id").limit(1).execute()
        assert (words.data, words.count) == ([{"id": 2, "word": "second"}], 2)
        one = await client.table("words").select("id,at").eq("word", "first").single().execute()
        assert one.data == {"id": 9007199254740993, "at": "2024-02-29T12:34:56.5+00:00"}
        none = await client.table("words").select("*").eq("word", "third").maybe_single().execute()
        assert none is None
        with pytest.raises(PostgrestAPIError) as refused:
            await client.table("words").insert({"id": 3, "word": "third", "at": "now"}).execute()
        assert refused.value.code == "42501"
        with pytest.raises(PostgrestAPIError) as missing:
            await client.rpc("beaco", {"a": 1}).execute()
        assert (missing.value.code, missing.value.hint) == (
            "PGRST202",
            "Perhaps you meant to call the function public.beacon",
        )


async def test_many_calls_at_once_each_have_their_own_claims(stack: TemporaryStack) -> None:
    async with httpx.AsyncClient(base_url=f"{stack.api_url}/rest/v1") as http:

        async def sub_of(name: str) -> str:
            token = stack.sign({"sub": name, "role": "authenticated"})
            answer = await http.get("/rpc/me", headers={"Authorization": f"Bearer {token}"})
            return str(answer.json()["claims"]["sub"])

        names = [f"user {number}" for number in range(100)]
        assert await asyncio.gather(*map(sub_of, names)) == names


def test_it_comes_back_with_postgresql(stack: TemporaryStack, http: httpx.Client) -> None:
    assert http.get("/rpc/me").status_code == 200
    stack.cluster.stop(signal.SIGKILL)
    gone = http.get("/rpc/me", timeout=30)
    assert gone.status_code == 503
    assert gone.headers["Retry-After"] == "0"
    stack.cluster.start()
    statuses = [http.get("/rpc/me", timeout=30).status_code for _ in range(5)]
    assert statuses[-1] == 200
