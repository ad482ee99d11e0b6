"""The same in a bucket that speaks S3: a real server process, on loopback."""

import http.server
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from local_stack import testing
from local_stack.config import Stack
from local_stack.processes import free_port
from local_stack.testing import Program, TemporaryStack
from worker.tests.integration import archive_world
from worker.tests.integration.archive_world import World
from worker.tests.integration.worker_program import wait_until

SECRET = "not-to-be-shown"
LEFT = "/bucket/old/times/usage_logs/"


@pytest.fixture(scope="module")
def own_stack() -> Iterator[TemporaryStack]:
    """One whose retention nothing else depends on."""
    with testing.temporary_stack(api=False) as stack:
        yield stack


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with one bucket."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    program = Program(["moto.server", "-H", "127.0.0.1", "-p", str(port)], tmp_path_factory.mktemp("s3") / "log", {})

    def is_up() -> bool:
        try:
            return httpx.put(f"{url}/bucket").is_success
        except httpx.TransportError:
            return False

    program.start()
    try:
        wait_until("the bucket is there", is_up)
        yield url
    finally:
        program.stop()


@pytest.fixture
def old(own_stack: Stack, tmp_path: Path) -> Iterator[World]:
    with archive_world.world_of(own_stack, tmp_path) as world:
        yield world


def settings(url: str, folder: Path) -> Mapping[str, str]:
    return {
        "ARCHIVE_URL": "s3://bucket/old/times/",
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "ours",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "TMPDIR": str(folder),
    }


def test_rows_go_to_a_bucket_and_are_asked_there(old: World, s3: str, tmp_path: Path) -> None:
    old.log(credits="0.1", count=20_000)
    name = old.set_aside()
    old.connection.execute("update private.archives set change_count = 7")
    (waiting,) = old.archives()
    left = f"{name}-{waiting['detached_at']:%Y%m%dT%H%M%S.%fZ}-6.parquet"
    httpx.put(f"{s3}{LEFT}{left}", content=b"of a try before").raise_for_status()
    ended = old.command("run", env=settings(s3, tmp_path))
    assert ended.returncode == 0, ended
    assert not old.is_there(name)
    keys = httpx.get(f"{s3}/bucket?list-type=2").text
    assert left not in keys
    assert left.replace("-6.", "-7.") in keys
    asked = old.command("query", "select count(*), sum(credits) from usage_logs", env=settings(s3, tmp_path))
    assert asked.stdout.splitlines()[1].split() == ["20000", "2000.0"], asked
    listed = old.command("ls", env=settings(s3, tmp_path))
    assert "s3://bucket/old/times/usage_logs/usage_logs_200002-" in listed.stdout
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_bucket_that_is_not_there_keeps_the_partition(old: World, s3: str, tmp_path: Path) -> None:
    old.log()
    name = old.set_aside()
    ended = old.command("run", env={**settings(s3, tmp_path), "ARCHIVE_URL": "s3://another/old"})
    assert ended.returncode == 1
    assert old.is_there(name)
    is_well, detail = old.is_well()
    assert not is_well
    assert "NoSuchBucket" in detail
    assert SECRET not in ended.stderr + ended.stdout + detail


class WriteOnly(http.server.BaseHTTPRequestHandler):
    """A bucket whose policy lets us put objects, and not see them."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer(200)

    def do_GET(self) -> None:
        self._answer(403)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("etag", '"1"')
        self.send_header("content-length", "0")
        self.end_headers()


def test_a_bucket_that_cannot_be_read_keeps_the_partition_and_says_why(old: World, tmp_path: Path) -> None:
    old.log(count=2)
    name = old.set_aside()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), WriteOnly) as server:
        running = threading.Thread(target=server.serve_forever)
        running.start()
        ended = old.command("run", env=settings(f"http://127.0.0.1:{server.server_port}", tmp_path))
        server.shutdown()
        running.join()
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (1, "archived 0, failed 1"), ended
    assert old.is_there(name)
    (waiting,) = old.archives()
    assert "403 Forbidden" in waiting["fault"]
    assert "Traceback" not in waiting["fault"]


def test_rows_are_not_put_where_somebody_else_waits_for_them(old: World, s3: str, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    (tmp_path / f"hourglass-archive-{os.getuid()}").symlink_to(trap)
    old.log(count=2)
    name = old.set_aside()
    ended = old.command("run", env=settings(s3, tmp_path))
    assert ended.returncode == 1
    assert "somebody else's" in ended.stderr
    assert old.is_there(name)
    assert list(trap.iterdir()) == []
