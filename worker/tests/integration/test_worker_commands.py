"""What an operator types: `hourglass health`, `hourglass once JOB`."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from local_stack.config import Stack
from local_stack.processes import environment
from local_stack.testing import temporary_stack
from worker import timetable

KEYS = """insert into private.idempotency_keys (user_id, key, request_hash, answer, created_at)
    select 'ada', 'key ' || n, 0, '{}', now() - interval '1 year' from generate_series(1, %s) as n"""


@pytest.fixture(scope="module")
def installation() -> Iterator[Stack]:
    """One of its own, because all has to be well there."""
    with temporary_stack(api=False) as stack:
        yield stack


@pytest.fixture
def admin(installation: Stack) -> Iterator[psycopg.Connection]:
    with psycopg.connect(installation.admin_db_url, autocommit=True) as connection:
        yield connection


def hourglass(database_url: str, *command: str) -> subprocess.CompletedProcess[str]:
    env = environment(
        {
            "DATABASE_URL": database_url,
            "SUPABASE_URL": "http://127.0.0.1:1",
            "SUPABASE_SERVICE_ROLE_KEY": "none",
        }
    )
    program = [sys.executable, "-m", "worker", *command]
    return subprocess.run(program, env=env, capture_output=True, text=True, check=False)


@contextmanager
def switched_off(admin: psycopg.Connection, job: str) -> Iterator[None]:
    admin.execute("update cron.job set active = false where jobname = %s", [f"hourglass-{job}"])
    try:
        yield
    finally:
        admin.execute("update cron.job set active = true")


def test_health_names_each_check_and_exits_with_0(installation: Stack) -> None:
    told = hourglass(installation.worker_db_url, "health")
    assert told.returncode == 0, told
    lines = told.stdout.splitlines()
    assert all(any(line.startswith(f"job:hourglass-{name} ") for line in lines) for name in timetable.JOBS)
    assert lines[-1] == f"{len(lines) - 2} checks, all well"


def test_health_says_what_is_wrong_and_exits_with_1(installation: Stack, admin: psycopg.Connection) -> None:
    with switched_off(admin, "run-due"):
        told = hourglass(installation.worker_db_url, "health", "--wrong")
        report = json.loads(hourglass(installation.worker_db_url, "health", "--json").stdout)
    assert told.returncode == 1, told
    assert told.stdout.count("NOT OK") == 1
    assert "job:hourglass-run-due" in told.stdout
    assert told.stdout.endswith(" checks, 1 not ok\n")
    assert report["ok"] is False
    (wrong,) = [check for check in report["checks"] if not check["ok"]]
    assert wrong["name"] == "job:hourglass-run-due"
    assert "cron.alter_job" in wrong["hint"]


def test_a_database_that_cannot_be_asked_is_a_failure(installation: Stack) -> None:
    away = installation.worker_db_url.replace(str(installation.db_port), "1")
    told = hourglass(away, "health")
    assert (told.returncode, told.stdout) == (1, "")
    assert "cannot be reached" in told.stderr


def test_once_knows_each_job_of_the_timetable(admin: psycopg.Connection) -> None:
    rows = admin.execute("select jobname from cron.job").fetchall()
    assert {f"hourglass-{name}" for name in timetable.JOBS} == {name for (name,) in rows}


@pytest.mark.parametrize("count", [0, 10_001])
def test_once_runs_a_job_batch_by_batch_until_nothing_is_left(
    installation: Stack, admin: psycopg.Connection, count: int
) -> None:
    with switched_off(admin, "forget-old-keys"):
        admin.execute(KEYS, [count])
        done = hourglass(installation.worker_db_url, "once", "forget-old-keys")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"did {count}\n", "")
    assert admin.execute("select count(*) from private.idempotency_keys").fetchone() == (0,)
