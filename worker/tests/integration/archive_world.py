"""A database with usage logs of long ago, and `hourglass archive` as a real process."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from psycopg.rows import dict_row

from local_stack.config import Stack
from local_stack.processes import environment, python_module

LOG = """insert into public.usage_logs
    (id, user_id, thread_id, kind, model, prompt_tokens, completion_tokens, credits, metadata, created_at, xact_id)
    select gen_random_uuid(), %(user_id)s, %(thread_id)s, 'completion', %(model)s, n, 2 * n, %(credits)s::numeric,
      %(metadata)s::jsonb, %(at)s::timestamptz + n * interval '1.000001 seconds', '7'
    from generate_series(1, %(count)s) as n"""
AWKWARD: tuple[dict[str, Any], ...] = (
    {"credits": "0"},
    {"credits": "2.50"},
    {"credits": "0.000000000000000000000000000001"},
    {"user_id": "åda; '\"\\\n\t😀", "thread_id": "a,b:c;-", "model": ""},
    {"metadata": '{"n": 1e400, "s": "\\u00e9\\n\\"\\\\ \\ud83d\\ude00", "list": [null, true, 1.500]}'},
    {"metadata": '{"deep": ' + "[" * 2000 + "]" * 2000 + "}"},
    {"at": "2000-02-29 23:59:57.999999+00", "thread_id": None},
)
TO_CSV = r"copy (select columns(*)::varchar from '{file}') to '{text}' (header, force_quote *, nullstr '\N')"
FROM_CSV = r"copy {table} from stdin (format csv, header, null '\N')"
NOTHING = "delete from private.archives"


@dataclass(frozen=True)
class World:
    """What the tests act on. Archives go to the folder unless told otherwise."""

    stack: Stack
    connection: psycopg.Connection[dict[str, Any]]
    folder: Path

    def log(self, **given: Any) -> None:
        """Logs of February 2000, unless another time is given."""
        usual = {
            "user_id": "ada", "thread_id": None, "model": "m", "credits": "1.25", "metadata": "{}", "count": 1,
            "at": "2000-02-03 04:05:06.789012+00",
        }  # fmt: skip
        self.connection.execute(LOG, {**usual, **given})

    def set_aside(self) -> str:
        """Takes what is past its retention out of its table; the name of the partition that waits first."""
        self.connection.execute("select private.drop_old_usage_logs()")
        row = self.connection.execute("select name from private.next_awaiting('')").fetchone()
        assert row is not None
        return str(row["name"])

    def rows(self, source: str) -> list[dict[str, Any]]:
        """All rows as text, in an order of their own."""
        return self.connection.execute(f"select l::text as row from {source} as l order by 1").fetchall()

    def archives(self) -> list[dict[str, Any]]:
        return self.connection.execute("select * from private.archives order by name").fetchall()

    def is_there(self, name: str) -> bool:
        row = self.connection.execute("select to_regclass('private.' || %s) is not null as is_there", [name]).fetchone()
        return row is not None and bool(row["is_there"])

    def is_well(self) -> tuple[bool, str]:
        """What health() says of archives."""
        row = self.connection.execute("select * from private.check_archives(clock_timestamp())").fetchone()
        assert row is not None
        return bool(row["ok"]), str(row["detail"])

    def environment(self, env: Mapping[str, str] | None = None) -> Mapping[str, str]:
        own = {
            "DATABASE_URL": self.stack.worker_db_url,
            "SUPABASE_URL": self.stack.api_url,
            "SUPABASE_SERVICE_ROLE_KEY": self.stack.service_role_key,
            "ARCHIVE_URL": str(self.folder),
            "LOG_FORMAT": "json",
        }
        return environment({**own, **(env or {})})

    def command(
        self, *arguments: str, env: Mapping[str, str] | None = None, largest_file: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`hourglass archive`, to its end; no file can grow beyond so many bytes."""
        limits = [] if largest_file is None else ["prlimit", f"--fsize={largest_file}"]
        return subprocess.run(
            [*limits, *python_module(["worker", "archive", *arguments])],
            env=self.environment(env),
            capture_output=True,
            text=True,
            check=False,
        )

    def begin(self) -> subprocess.Popen[str]:
        """`hourglass archive run`, beside the test."""
        return subprocess.Popen(
            python_module(["worker", "archive", "run"]),
            env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def files(self) -> list[Path]:
        """All that is in the folder, unfinished files and those of work included."""
        return [path for path in self.folder.rglob("*") if path.is_file()]

    def staged_bytes(self) -> int:
        """How much is on its way."""
        return sum(path.stat().st_size for path in self.files() if "staged.duckdb" in path.name)

    def restore(self, file: Path, table: str) -> None:
        """Loads a Parquet file back into a table that is like usage_logs, as docs/operations.md says."""
        text = file.with_suffix(".csv")
        with duckdb.connect() as reader:
            reader.execute("set timezone = 'UTC'")
            reader.execute(TO_CSV.format(file=file, text=text))
        self.connection.execute(f"create temporary table {table} (like public.usage_logs)")
        with self.connection.cursor() as cursor, cursor.copy(FROM_CSV.format(table=table)) as copy:
            copy.write(text.read_bytes())
        text.unlink()


@contextmanager
def world_of(stack: Stack, folder: Path) -> Iterator[World]:
    """Nothing waits before and after; retention goes on as it was."""
    with psycopg.connect(stack.db_url, autocommit=True, row_factory=dict_row) as connection:
        connection.execute("update private.settings set archive_before_drop = true")
        connection.execute("update private.rollup_watermark set counted_until = '8'")
        yield World(stack, connection, folder)
        for row in connection.execute("select name from private.archives where archived_at is null").fetchall():
            connection.execute(f"drop table if exists private.{row['name']}")
        connection.execute(NOTHING)


def said(text: str) -> list[dict[str, Any]]:
    """The events among what a command has written."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]
