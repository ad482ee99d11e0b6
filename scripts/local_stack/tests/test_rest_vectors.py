"""REST against what PostgREST 14 answered: each of its recorded requests, served bare and behind the gateway."""

import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import psycopg
import pytest
import uvicorn
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette

from local_stack import rest
from local_stack.config import Stack
from local_stack.processes import free_port
from local_stack.testing import temporary_stack

VECTORS = Path(__file__).parent / "vectors" / "postgrest"
spec = spec_from_file_location("postgrest_replay", VECTORS / "replay.py")
assert spec and spec.loader
replay: Any = module_from_spec(spec)  # comes with the data
spec.loader.exec_module(replay)

RECORDED = replay.parse_json((VECTORS / "vectors.json").read_text(encoding="utf-8"))
BEHIND_THE_GATEWAY = "/rest/v1"


@contextmanager
def served(stack: Stack, port: int) -> Iterator[None]:
    """Both forms of REST, on one port."""
    pool = AsyncConnectionPool[psycopg.AsyncConnection[Any]](
        stack.database_url("authenticator"), min_size=1, max_size=4, open=False
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with pool:
            yield

    routes = [*rest.routes(stack, pool), *rest.routes(stack, pool, prefix="", gateway=False)]
    config = uvicorn.Config(Starlette(routes=routes, lifespan=lifespan), port=port, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    yield
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module", params=["", BEHIND_THE_GATEWAY], ids=["bare", "gateway"])
def target(request: pytest.FixtureRequest) -> Iterator[Any]:
    header = ["apikey: {{token:anon}}"] if request.param else []
    port = free_port()
    with temporary_stack(bare=True, api=False) as stack, served(stack, port):
        url = f"http://127.0.0.1:{port}"
        target = replay.Target(url, request.param, stack.jwt_secret, header, RECORDED["tokens"])
        with target.client:
            replay.load_fixture(VECTORS, stack.db_url, True, target)
            replay.psql(stack.db_url, "-c", "grant insert on public.journal to service_role")
            yield target


@pytest.mark.parametrize("vector", RECORDED["vectors"], ids=lambda vector: str(vector["name"]))
def test_the_answer_is_the_recorded_one(target: Any, vector: dict[str, Any]) -> None:
    assert replay.differences(vector, target.send(vector)) == []


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/countries?select=code,cities(id)", {}),
        ("GET", "/items?select=...cities(id)", {}),
        ("GET", "/items?note=fts.plain", {}),
        ("GET", "/items", {"Prefer": "count=planned"}),
        ("GET", "/items", {"Accept": "application/geo+json"}),
        ("GET", "/", {}),
        ("OPTIONS", "/open_items", {}),
        ("POST", "/journal", {"Content-Type": "application/json", "Authorization": "Bearer {{token:service_role}}"}),
    ],
)
def test_what_is_not_served_says_so(target: Any, method: str, path: str, headers: dict[str, str]) -> None:
    """Embedding, full-text search, estimates, GeoJSON, the OpenAPI description, writes to tables."""
    body = '{"slug": "a", "body": "b"}' if method == "POST" else None
    answer = target.send({"method": method, "path": path, "headers": headers, "body": body})
    assert (answer.status_code, answer.json()["code"]) == (501, "not_served")
    assert answer.json()["message"].startswith("The local stack does not serve ")
