"""The cluster survives what happens to servers, and a new one looks like a Supabase project."""

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local_stack import migrations
from local_stack.cluster import FALLBACK_FOLDER, Cluster
from local_stack.config import Stack
from local_stack.processes import StackError, free_port
from local_stack.testing import TemporaryStack, temporary_folder, temporary_stack


@pytest.fixture(scope="module")
def stack() -> Iterator[TemporaryStack]:
    with temporary_stack(bare=True, api=False) as made:
        yield made


def remembered(stack: Stack, word: str | None = None) -> str | None:
    """Keeps a word in the database, or tells the one that it keeps."""
    with psycopg.connect(stack.db_url) as connection:
        connection.execute("create table if not exists public.memory (word text)")
        if word is not None:
            connection.execute("truncate public.memory")
            connection.execute("insert into public.memory values (%s)", [word])
        row = connection.execute("select word from public.memory").fetchone()
        return row[0] if row else None


def test_a_restart_keeps_the_data(stack: TemporaryStack) -> None:
    remembered(stack, "restart")
    stack.cluster.restart()
    assert remembered(stack) == "restart"


def test_a_crash_keeps_the_data_though_its_lock_names_a_living_process(stack: TemporaryStack) -> None:
    remembered(stack, "crash")
    stack.cluster.stop(signal.SIGKILL)
    lock = stack.cluster.data / "postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    assert stack.cluster.server_pid() is None
    stack.cluster.start()
    assert remembered(stack) == "crash"


def test_another_process_can_stop_it(stack: TemporaryStack) -> None:
    Cluster(stack).stop()
    assert stack.cluster.server_pid() is None
    stack.cluster.start()


def test_a_second_server_on_the_same_data_is_refused(stack: TemporaryStack) -> None:
    with pytest.raises(StackError, match=r"runs on .* already"):
        Cluster(Stack(stack.folder, db_port=free_port())).start()


def test_a_taken_port_is_named(stack: TemporaryStack) -> None:
    stack.cluster.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", stack.db_port))
        other.listen()
        with pytest.raises(StackError, match=rf"Port {stack.db_port} \(database\) is taken.*--db-port"):
            stack.cluster.start()
    stack.cluster.start()


def test_a_folder_that_the_server_cannot_reach_is_no_obstacle() -> None:
    with temporary_folder() as folder:
        hidden = folder / "hidden"
        hidden.mkdir(mode=0o700)
        cluster = Cluster(Stack(hidden / "stack", db_port=free_port()), fast=True)
        try:
            cluster.start()
            psycopg.connect(cluster.stack.admin_db_url).close()
            is_elsewhere = FALLBACK_FOLDER in cluster.data.parents
            assert is_elsewhere == (os.geteuid() == 0)
        finally:
            cluster.stop()
            cluster.remove()
        assert not cluster.data.exists()


def test_data_elsewhere_ends_with_its_folder() -> None:
    with temporary_folder() as folder:
        hidden = folder / "hidden"
        hidden.mkdir(mode=0o700)
        cluster = Cluster(Stack(hidden / "stack", db_port=free_port()), fast=True)
        try:
            cluster.create()
            (cluster.data / "mark").touch()
            cluster.create()
            assert (cluster.data / "mark").exists()
            shutil.rmtree(hidden / "stack")
            (hidden / "stack").mkdir()
            cluster.create()
            assert (cluster.data / "PG_VERSION").exists()
            assert not (cluster.data / "mark").exists()
        finally:
            cluster.remove()


def test_migrations_run_as_a_postgres_that_is_no_superuser(stack: TemporaryStack) -> None:
    with psycopg.connect(stack.db_url) as connection:
        row = connection.execute(
            "select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, pg_has_role('supabase_realtime_admin', 'usage')"
            " from pg_roles where rolname = current_user"
        ).fetchone()
    assert row == (False, True, True, True, True)


def test_postgres_may_schedule_jobs_and_write_policies_for_channels(stack: TemporaryStack) -> None:
    with psycopg.connect(stack.db_url) as connection:
        connection.execute("select cron.schedule('a job', '* * * * *', 'select 1')")
        connection.execute("create policy a_policy on realtime.messages for select to authenticated using (false)")
        row = connection.execute("select count(*) from cron.job where username = 'postgres'").fetchone()
        assert row == (1,)
        connection.rollback()


def test_public_is_as_open_as_on_the_platform(stack: TemporaryStack) -> None:
    with psycopg.connect(stack.db_url) as connection:
        connection.execute("create table public.open_table (); create function public.f() returns int return 1")
        row = connection.execute(
            "select has_table_privilege('anon', 'public.open_table', 'insert'),"
            " has_function_privilege('anon', 'public.f()', 'execute')"
        ).fetchone()
        assert row == (True, True)
        connection.rollback()


@pytest.fixture
def project(stack: TemporaryStack) -> Iterator[Path]:
    """A folder with one migration; what was applied of it is forgotten afterwards."""
    with temporary_folder() as folder:
        (folder / "20260101000000_one.sql").write_text(
            "create table public.one (id int);\n\ninsert into one values (1);"
        )
        yield folder
    with psycopg.connect(stack.db_url) as connection:
        connection.execute("drop schema if exists supabase_migrations cascade; drop table if exists public.one")


def test_migrations_are_applied_once(stack: TemporaryStack, project: Path) -> None:
    assert migrations.apply_migrations(stack, project) == ["20260101000000_one"]
    assert migrations.apply_migrations(stack, project) == []


def test_a_migration_that_changed_after_it_was_applied_is_named(stack: TemporaryStack, project: Path) -> None:
    migrations.apply_migrations(stack, project)
    (project / "20260101000000_one.sql").write_text("create table public.one (id bigint);")
    with pytest.raises(StackError, match=r"20260101000000_one.sql has changed .*--reset"):
        migrations.apply_migrations(stack, project)


def test_a_migration_that_fails_leaves_nothing_and_names_its_line(stack: TemporaryStack, project: Path) -> None:
    (project / "20260101000000_one.sql").write_text("create table public.one (id int);\nselect nothing;")
    with pytest.raises(StackError, match=r"20260101000000_one.sql, line 2: .*nothing"):
        migrations.apply_migrations(stack, project)
    with psycopg.connect(stack.db_url) as connection:
        assert connection.execute("select to_regclass('public.one')").fetchone() == (None,)
