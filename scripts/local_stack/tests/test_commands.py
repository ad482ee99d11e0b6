"""scripts/up, down, status and token, run as a user runs them, each on a stack of its own, bare but in one test."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import jwt
import psycopg
import pytest

from local_stack import folder as folders
from local_stack.config import JWT_SECRET
from local_stack.processes import environment, free_port
from local_stack.testing import temporary_folder

NAMES = ["API_URL", "DB_URL", "ADMIN_DB_URL", "ANON_KEY", "SERVICE_ROLE_KEY", "JWT_SECRET", "WORKER_URL"]
PATIENCE_S = 60


class Place:
    """A folder and ports for a stack, and the commands on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.api_port, self.db_port = free_port(), free_port()

    @property
    def up_options(self) -> list[str]:
        return ["--bare", "--fast", "--api-port", str(self.api_port), "--db-port", str(self.db_port)]

    def command(self, name: str, *options: str) -> list[str]:
        return [sys.executable, "-m", "local_stack", name, "--dir", str(self.folder), *options]

    def run(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = self.command(name, *options)
        return subprocess.run(command, env=environment(), cwd="/", capture_output=True, text=True, check=False)

    def up(self, *options: str) -> subprocess.CompletedProcess[str]:
        return self.run("up", "--detach", *self.up_options, *options)

    def variables(self) -> dict[str, str]:
        lines = self.run("status", "-o", "env").stdout.splitlines()
        return {name: value.strip('"') for name, value in (line.split("=", 1) for line in lines)}

    def log(self) -> str:
        return (self.folder / "logs" / "stack.log").read_text()

    def processes(self) -> dict[int, str]:
        """Every process that belongs to the stack, by its command line or its working folder."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                working_folder = str((entry / "cwd").readlink())
            except OSError:
                continue
            if str(self.folder) in line or working_folder.startswith(str(self.folder)):
                found[int(entry.name)] = line
        return found


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def place() -> Iterator[Place]:
    with temporary_folder() as folder:
        made = Place(folder / "stack")
        yield made
        made.run("down")
        assert made.processes() == {}


def test_up_says_whether_all_is_well_with_the_whole_stack(place: Place) -> None:
    ports = ["--api-port", str(place.api_port), "--db-port", str(place.db_port)]
    assert re.search(r"^ +health: \d+ checks, all well$", place.run("up", "--detach", "--fast", *ports).stdout, re.M)
    with psycopg.connect(place.variables()["ADMIN_DB_URL"]) as connection:
        connection.execute("update cron.job set active = false where jobname = 'hourglass-run-due'")
    assert re.search(r"^ +health: \d+ checks, job:hourglass-run-due not ok$", place.run("status").stdout, re.M)


def test_up_and_down_leave_the_data_and_no_process(place: Place) -> None:
    started = place.up()
    assert started.returncode == 0
    assert "health:" not in started.stdout
    before = place.variables()
    assert list(before) == NAMES
    assert (place.folder / "stack.json").stat().st_mode & 0o077 == 0
    assert httpx.get(f"{before['API_URL']}/auth/v1/health").is_success
    with psycopg.connect(before["DB_URL"]) as connection:
        connection.execute("create table public.kept ()")
    with psycopg.connect(before["ADMIN_DB_URL"]) as connection:
        assert connection.execute("show is_superuser").fetchone() == ("on",)

    assert place.run("down").returncode == 0
    assert place.processes() == {}
    assert place.run("status").returncode != 0

    assert place.run("up", "--detach", "--bare", "--fast").returncode == 0
    assert place.variables() == before
    with psycopg.connect(before["DB_URL"]) as connection:
        assert connection.execute("select to_regclass('public.kept')").fetchone() == ("kept",)
    assert place.up("--reset").returncode == 0
    with psycopg.connect(before["DB_URL"]) as connection:
        assert connection.execute("select to_regclass('public.kept')").fetchone() == (None,)


def test_a_second_up_says_that_the_stack_runs(place: Place) -> None:
    place.up()
    processes = place.processes().keys()
    again = place.up()
    assert (again.returncode, "already" in again.stdout) == (0, True)
    assert place.processes().keys() >= processes


def test_a_token_is_signed_for_the_stack(place: Place) -> None:
    printed = place.run("token", "ada", "--claims", '{"plan": "pro"}', "--valid-for", "60").stdout.strip()
    claims = jwt.decode(printed, JWT_SECRET, ["HS256"], audience="authenticated")
    assert {name: claims[name] for name in ("sub", "role", "plan")} == {
        "sub": "ada",
        "role": "authenticated",
        "plan": "pro",
    }
    assert 0 < claims["exp"] - time.time() <= 60


@pytest.mark.parametrize("which", ["api", "db"])
def test_a_taken_port_is_named_and_nothing_stays(place: Place, which: str) -> None:
    port = place.api_port if which == "api" else place.db_port
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        refused = place.up()
    assert refused.returncode == 1
    assert f"Port {port}" in refused.stderr
    assert f"--{which}-port" in refused.stderr
    assert place.processes() == {}


def test_two_stacks_stand_side_by_side(place: Place) -> None:
    with temporary_folder() as folder:
        beside = Place(folder / "stack")
        try:
            assert (place.up().returncode, beside.up().returncode) == (0, 0)
            assert place.run("status", "--db-port", str(beside.db_port)).returncode == 1
            place.run("down")
            assert httpx.get(f"{beside.variables()['API_URL']}/auth/v1/health").is_success
        finally:
            beside.run("down")
        assert beside.processes() == {}


def test_in_the_foreground_the_parts_speak_and_ctrl_c_stops_all(place: Place) -> None:
    command = place.command("up", *place.up_options)
    with subprocess.Popen(command, env=environment(), text=True, stdout=subprocess.PIPE, process_group=0) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        seen = []
        for line in lines:
            seen.append(line)
            if "Ctrl-C stops it" in line:
                break
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to the whole group
        seen += lines
        assert process.wait() == 0
    assert {line.split("|")[0].strip() for line in seen if "|" in line} == {"postgres", "api", "stack"}
    assert any("API URL" in line for line in seen)
    assert place.processes() == {}


def test_what_dies_is_started_again(place: Place) -> None:
    place.up()
    url = f"{place.variables()['API_URL']}/auth/v1/health"
    for program in ("local_stack serve", "bin/postgres"):
        os.kill(next(pid for pid, line in place.processes().items() if program in line), signal.SIGKILL)
    wait_for(lambda: place.log().count("is started again") == 2 and answers(url))
    wait_for(lambda: any("bin/postgres" in line for line in place.processes().values()))
    assert "api ended with status -9 and is started again" in place.log()
    assert "postgres ended with status -9 and is started again" in place.log()


def test_nothing_outlives_a_stack_that_is_killed(place: Place) -> None:
    place.up()
    running = folders.owner(place.folder)
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    wait_for(lambda: not place.processes())
    assert place.run("status").returncode == 1
    assert place.up().returncode == 0


def answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False
