"""What is past its retention leaves the database only once every row of it can be read elsewhere, exactly."""

import re
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from decimal import Decimal
from pathlib import Path

import duckdb
import psycopg
import pytest
from structlog.testing import capture_logs

from local_stack import testing
from local_stack.config import Stack
from local_stack.testing import TemporaryStack
from worker import archive, database, storage
from worker.tests.integration import archive_world
from worker.tests.integration.archive_world import AWKWARD, World, said
from worker.tests.integration.worker_program import Worker, wait_until

MANY = 60_000
LATE = "null, kind, null, 0, 0, credits, metadata, created_at, null, xact_id"
EVENT = """insert into public.session_events (id, session_id, event_type, event_data, occurred_at, created_at)
    values (gen_random_uuid(), gen_random_uuid(), 'view', '{"page": "é"}', '2000-02-03 04:05:06+00',
      '2000-02-03 04:05:06.789012+00')"""
SOME_BYTES = 500_000  # of them, staged; an empty database has less


@pytest.fixture(scope="module")
def own_stack() -> Iterator[TemporaryStack]:
    """One whose retention nothing else depends on."""
    with testing.temporary_stack() as stack:
        yield stack


@pytest.fixture
def old(own_stack: Stack, tmp_path: Path) -> Iterator[World]:
    with archive_world.world_of(own_stack, tmp_path / "archive") as world:
        yield world


def test_every_row_comes_back_exactly(old: World) -> None:
    for given in AWKWARD:
        old.log(**given)
    name = old.set_aside()
    rows = old.rows(f"private.{name}")
    ended = old.command("run")
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "archived 1, failed 0"), ended
    assert not old.is_there(name)
    (found,) = old.archives()
    (file,) = old.files()
    assert (found["row_count"], found["byte_count"]) == (len(AWKWARD), file.stat().st_size)
    old.restore(file, "restored")
    assert old.rows("restored") == rows


def test_archives_are_listed_and_asked(old: World) -> None:
    old.log(credits="0.1", count=3)
    old.log(credits="2.50", at="2000-03-03+00")
    assert old.command("run").returncode == 0
    old.log(credits="1", at="2000-04-03+00")
    old.set_aside()
    listed = old.command("ls").stdout
    assert len(re.findall(r"usage_logs_20000[23] .*\.parquet\n", listed)) == 2
    assert re.search(r"usage_logs_200004 .*waits\n", listed)
    asked = old.command("query", "select count(*) as n, sum(credits) as credits from usage_logs")
    n, credits = asked.stdout.splitlines()[1].split()
    assert (n, Decimal(credits)) == ("4", Decimal("2.8")), asked
    refused = old.command("query", "create table t (i int)")
    assert refused.returncode == 1
    assert "one `select`" in refused.stderr


@pytest.mark.parametrize(
    "elsewhere", ["read_text('/etc/hostname')", "glob('/etc/*')", "'http://127.0.0.1:1/a.parquet'"]
)
def test_a_query_reaches_the_archives_and_nothing_else(old: World, elsewhere: str) -> None:
    old.log(count=2)
    old.set_aside()
    assert old.command("run").returncode == 0
    assert old.command("query", "select * from usage_logs order by metadata, id").returncode == 0
    refused = old.command("query", f"select * from {elsewhere}")
    assert refused.returncode == 1
    assert "disabled by configuration" in refused.stderr


def test_values_beyond_any_decimal_stay_text(old: World) -> None:
    old.log(credits="1e30")
    old.log(credits="1e-30")
    assert old.command("run").returncode == 0
    asked = old.command("query", "select max(length(credits)) from usage_logs where typeof(credits) = 'VARCHAR'")
    assert asked.stdout.splitlines()[1].strip() == "32", asked


def test_a_place_that_cannot_be_written_keeps_the_partition(old: World) -> None:
    old.log(count=3)
    name = old.set_aside()
    old.folder.mkdir()
    (old.folder / "usage_logs").write_text("no folder")
    ended = old.command("run")
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (1, "archived 0, failed 1"), ended
    assert old.is_there(name)
    is_well, detail = old.is_well()
    assert not is_well
    assert name in detail
    assert old.files() == [old.folder / "usage_logs"]
    (old.folder / "usage_logs").unlink()
    assert old.command("run").returncode == 0
    assert old.is_well()[0]


def test_a_disk_that_is_full_keeps_the_partition(old: World) -> None:
    old.log(count=MANY)
    name = old.set_aside()
    ended = old.command("run", largest_file=1_000_000)
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (1, "archived 0, failed 1"), ended
    assert "archive.failed" in [event["event"] for event in said(ended.stderr)]
    assert old.is_there(name)
    assert old.files() == []
    assert not old.is_well()[0]
    assert old.command("run").returncode == 0
    assert not old.is_there(name)


class Lossy(storage.Folder):
    """Keeps a file that can be read, and lacks a row."""

    def put(self, source: Path, name: str) -> None:
        duckdb.execute(f"copy (select * from read_parquet('{source}') offset 1) to '{source}.less' (format parquet)")
        super().put(Path(f"{source}.less"), name)
        Path(f"{source}.less").unlink()


async def test_a_file_that_reads_otherwise_keeps_the_partition(old: World) -> None:
    old.log(count=3)
    name = old.set_aside()
    connection = database.Connection(old.stack.worker_db_url, "archive")
    async with AsyncExitStack() as closing:
        closing.push_async_callback(connection.close)
        with capture_logs() as events:
            result = await archive.Archive(connection, Lossy(old.folder)).run()
    assert [event["event"] for event in events] == ["archive.failed"]
    assert result == archive.Result(archived_count=0, failed_count=1)
    assert old.is_there(name)
    assert "reads otherwise" in old.is_well()[1]


@pytest.mark.parametrize("moment", ["reading", "dropping"])
def test_a_process_that_is_killed_goes_on_next_time(old: World, moment: str) -> None:
    old.log(count=MANY)
    name = old.set_aside()
    rows = old.rows(f"private.{name}")
    process = old.begin()
    with psycopg.connect(old.stack.db_url) as other:
        if moment == "reading":
            wait_until("rows are staged", lambda: old.staged_bytes() > SOME_BYTES)
            other.execute(f"lock table private.{name} in access exclusive mode")
        else:
            other.execute(f"lock table private.{name} in access share mode")
            wait_until("the file is there", lambda: any(path.suffix == ".parquet" for path in old.files()))
        process.kill()
        process.communicate()
    assert old.is_there(name)
    assert [found["archived_at"] for found in old.archives()] == [None]
    assert old.staged_bytes() > SOME_BYTES
    ended = old.command("run")
    assert ended.returncode == 0, ended
    assert "archive.resumed" in [event["event"] for event in said(ended.stderr)]
    (file,) = old.files()
    old.restore(file, f"restored_{moment}")
    assert old.rows(f"restored_{moment}") == rows


def test_a_row_that_changes_meanwhile_is_archived_as_it_is_then(old: World) -> None:
    old.log(count=MANY)
    old.log(user_id="bob")
    old.connection.execute("select private.ensure_account('bob')")
    name = old.set_aside()
    with psycopg.connect(old.stack.db_url) as other:
        other.execute(f"lock table private.{name} in access share mode")
        process = old.begin()
        wait_until("rows are staged", lambda: old.staged_bytes() > SOME_BYTES)
        old.connection.execute("select public.erase_user('bob')")
    output, events = process.communicate()
    assert process.returncode == 0, (output, events)
    assert "archive.changed" in [event["event"] for event in said(events)]
    assert not old.is_there(name)
    (file,) = old.files()
    asked = old.command("query", "select count(*), count(*) filter (where user_id = 'bob') from usage_logs")
    assert asked.stdout.splitlines()[1].split() == [str(MANY), "0"], (asked, file)


def test_a_row_that_comes_late_is_archived_too(old: World) -> None:
    old.log(count=3)
    name = old.set_aside()
    with psycopg.connect(old.stack.db_url) as late:
        late.execute(f"insert into private.{name} select gen_random_uuid(), 'late', {LATE} from private.{name} limit 1")
        process = old.begin()
        wait_until("the file is there", lambda: any(path.suffix == ".parquet" for path in old.files()))
    _, events = process.communicate()
    assert process.returncode == 0, events
    (file,) = old.files()
    old.restore(file, "restored_late")
    assert len(old.rows("restored_late")) == 4
    assert not old.is_there(name)


def test_events_are_archived_too(old: World) -> None:
    old.connection.execute(EVENT)
    old.connection.execute("select private.set_partitions_aside()")
    assert old.command("run").returncode == 0
    asked = old.command("query", "select event_data ->> '$.page' as page, created_at from session_events")
    assert asked.stdout.splitlines()[1].split(maxsplit=1) == ["é", "2000-02-03 04:05:06.789012+00"], asked


def test_one_that_fails_keeps_no_other_waiting(old: World) -> None:
    old.log()
    old.log(at="2000-03-03+00")
    first = old.set_aside()
    with psycopg.connect(old.stack.db_url) as other:
        other.execute(f"lock table private.{first} in share mode")
        ended = old.command("run")
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (1, "archived 1, failed 1"), ended
    assert "locked" in old.is_well()[1]
    assert old.command("run").returncode == 0
    assert [found["archived_at"] is None for found in old.archives()] == [False, False]


def test_two_at_once_archive_once(old: World) -> None:
    old.log(count=MANY)
    old.set_aside()
    processes = [old.begin(), old.begin()]
    output = [process.communicate()[0].splitlines()[-1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert "archived 1, failed 0" in output
    assert len(old.files()) == 1


def test_the_leader_archives_by_itself(own_stack: Stack, old: World, running: ExitStack, tmp_path: Path) -> None:
    old.log(count=3)
    worker = Worker(own_stack, tmp_path, ARCHIVE_URL=str(old.folder)).run(running)
    worker.hear("archive.done", rows="3")
    assert worker.stop(signal.SIGTERM) == 0


def test_a_worker_that_is_stopped_meanwhile_stops(
    own_stack: Stack, old: World, running: ExitStack, tmp_path: Path
) -> None:
    old.log(count=MANY)
    name = old.set_aside()
    worker = Worker(own_stack, tmp_path, ARCHIVE_URL=str(old.folder)).run(running)
    with psycopg.connect(old.stack.db_url) as other:
        other.execute(f"lock table private.{name} in access share mode")
        wait_until("rows are staged", lambda: old.staged_bytes() > SOME_BYTES)
        assert worker.stop(signal.SIGTERM) == 0
    worker.hear("service.stopped")
    assert old.is_there(name)
    assert old.command("run").returncode == 0
    assert [found["row_count"] for found in old.archives()] == [MANY]


def test_what_cannot_be_cleared_away_is_a_fault_and_no_crash(old: World) -> None:
    (old.folder / ".work" / "somebody elses staged.duckdb").mkdir(parents=True)
    old.log(count=2)
    old.set_aside()
    ended = old.command("run")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    (found,) = old.archives()
    assert found["archived_at"] is not None
