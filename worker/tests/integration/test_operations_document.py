"""docs/operations.md says what is there: its commands work, and its lists leave nothing out."""

import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from local_stack.cluster import programs
from local_stack.config import Stack
from local_stack.processes import REPOSITORY
from local_stack.testing import temporary_stack
from worker.settings import Settings

TAKEN = """
    select jobname from cron.job
    union all
    select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
    union all
    select t.typname from pg_type as t inner join pg_class as c on c.oid = t.typrelid
    where t.typnamespace = 'public'::regnamespace and c.relkind = 'c'
"""
# What a new cluster has not reached, and a month that it has no partition for.
AHEAD = """
    do $$ begin for n in 1..20000 loop perform pg_current_xact_id(); commit; end loop; end $$;
    select set_config('request.jwt.claims', '{"role": "service_role"}', false);
    select private.make_partition('usage_logs', 'usage_logs_202501', '2025-01-01 00:00Z', '2025-02-01 00:00Z');
    select grant_credits('ada', 100), record_usage('ada', 1), record_usage('ada', 2);
    update usage_logs set created_at = '2025-01-15' where credits = 1;
    select private.roll_up_usage(1000);
"""
ROWS = """
    select relname, query_to_xml(format('select count(*) from %s', oid::regclass), true, true, '')::text
    from pg_class
    where relnamespace in ('public'::regnamespace, 'private'::regnamespace) and relkind in ('r', 'p')
      and not relispartition
"""


@pytest.fixture(scope="module")
def document() -> str:
    return (REPOSITORY / "docs" / "operations.md").read_text()


@pytest.fixture(scope="module")
def old() -> Iterator[Stack]:
    with temporary_stack(api=False) as stack:
        yield stack


def test_it_names_all_that_the_migrations_take(document: str, old: Stack) -> None:
    part = section(document, "What the migrations take")
    named = set(re.findall(r"`([a-z_-]+)`", part))
    with psycopg.connect(old.db_url) as connection:
        taken = {name for (name,) in connection.execute(TAKEN)}
    assert taken - named == set()
    assert {name for name in named if name.startswith("hourglass-")} - taken == set()


def test_it_names_each_check_of_the_health(document: str, old: Stack) -> None:
    part = section(document, "Is all well?")
    names = {check["name"] for check in checks(old) if not check["name"].startswith("job:")}
    assert {name for name in names if f"`{name}`" not in part} == set()


def test_it_names_each_setting(document: str) -> None:
    part = section(document, "The worker")
    assert {name for name in Settings.model_fields if f"`{name.upper()}`" not in part} == set()


def test_what_it_says_of_a_restore_brings_all_rows(document: str, old: Stack) -> None:
    (commands,) = re.findall(r"```sh\n(.*?)```", section(document, "After a restore into another cluster"), re.DOTALL)
    with temporary_stack(api=False) as new:
        with psycopg.connect(old.db_url, autocommit=True) as connection:
            for statement in AHEAD.strip().split(";\n"):
                connection.execute(statement)
            before = connection.execute(ROWS).fetchall()
        path = f"{programs()}:{os.environ['PATH']}"
        env = {**os.environ, "OLD": old.db_url, "NEW": new.db_url, "PATH": path}
        subprocess.run(["sh", "-euc", commands], env=env, cwd=new.folder, check=True, capture_output=True)
        with psycopg.connect(new.db_url, autocommit=True) as connection:
            assert sorted(connection.execute(ROWS).fetchall()) == sorted(before)
            assert wrong(new) == {"transaction_ids"}
            connection.execute("select private.rebuild_usage_rollups()")
            connection.execute("select private.run_job('make-usage-log-partitions')")
            months = connection.execute("select tableoid::regclass::text from usage_logs order by 1").fetchall()
        assert wrong(new) == set()
        assert months[0] == ("private.usage_logs_202501",)


def section(document: str, heading: str) -> str:
    """What stands under a heading, without the headings of its own rank and above."""
    found = re.search(rf"^(#+) {re.escape(heading)}\n", document, re.MULTILINE)
    assert found is not None, heading
    rest = document[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", without_code(rest), re.MULTILINE)
    return rest[: end.start()] if end else rest


def without_code(text: str) -> str:
    """As long as before; the comments of a shell begin like headings."""
    return re.sub(r"```.*?```", lambda block: "." * len(block[0]), text, flags=re.DOTALL)


def wrong(stack: Stack) -> set[str]:
    """The checks that are not ok, but for jobs: pg_cron may not have come to them yet."""
    return {check["name"] for check in checks(stack) if not check["ok"] and not check["name"].startswith("job:")}


def checks(stack: Stack) -> list[dict[str, Any]]:
    with psycopg.connect(stack.worker_db_url) as connection:
        row = connection.execute("select report.checks from private.health_report() as report").fetchone()
    assert row is not None
    found: list[dict[str, Any]] = row[0]
    return found
