from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from worker import console

PROJECT = "https://abc.supabase.co"
KEY = "anon-key"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "assets" / "index-1a2b.js").write_text("run()")
    return tmp_path


async def ask(folder: Path, path: str, encoding: str = "gzip") -> httpx.Response:
    transport = httpx.ASGITransport(Starlette(routes=console.routes_of(PROJECT, KEY, folder)))
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as client:
        return await client.get(path, headers={"accept-encoding": encoding})


async def test_the_page_may_run_its_own_files_and_speak_with_its_project_only(built: Path) -> None:
    page = await ask(built, "/")
    assert page.text == "<!doctype html>"
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-store"
    policy = dict(each.split(" ", 1) for each in page.headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self' https://abc.supabase.co wss://abc.supabase.co",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


@pytest.mark.parametrize("path", ["/", "/config.json", "/assets/index-1a2b.js", "/assets/none"])
async def test_every_answer_is_guarded(built: Path, path: str) -> None:
    answer = await ask(built, path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_files_are_kept_for_ever_packed_or_not(built: Path, encoding: str) -> None:
    file = await ask(built, "/assets/index-1a2b.js", encoding)
    assert file.text == "run()"
    assert file.headers.get("content-encoding", "identity") == encoding
    assert "immutable" in file.headers["cache-control"]
    assert file.headers["vary"] == "Accept-Encoding"
    assert "javascript" in file.headers["content-type"]


@pytest.mark.parametrize("path", ["/assets/none", "/assets/../index.html", "/assets/%2e%2e%2findex.html", "/assets/"])
async def test_there_is_nothing_beside_the_files(built: Path, path: str) -> None:
    assert (await ask(built, path)).status_code == 404


async def test_it_tells_what_everybody_may_know(built: Path) -> None:
    assert (await ask(built, "/config.json")).json() == {"supabaseUrl": PROJECT, "anonKey": KEY}


async def test_what_is_not_built_says_how_to_build_it(tmp_path: Path) -> None:
    page = await ask(tmp_path, "/")
    assert page.status_code == 503
    assert "scripts/console" in page.text
