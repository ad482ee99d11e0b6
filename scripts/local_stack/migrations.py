"""What goes into a stack's database: the platform once, then the project's migrations and seed."""

import hashlib
import re
from pathlib import Path

import psycopg
from psycopg import sql

from local_stack.config import WORKER_PASSWORD, Stack
from local_stack.processes import REPOSITORY, StackError

PLATFORM_SQL = Path(__file__).with_name("platform.sql")
SUPABASE = REPOSITORY / "supabase"
WORKER_ROLE = "hourglass_worker"

# The Supabase CLI's own books, so that it and we see what the other has done.
BOOKS = """
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (
  version text primary key, statements text[], name text
);
create table if not exists supabase_migrations.seed_files (path text primary key, hash text not null);
"""


def apply_platform(stack: Stack) -> None:
    """Makes a new cluster look like a new Supabase project."""
    text = PLATFORM_SQL.read_text()
    mark = hashlib.sha256(text.encode()).hexdigest()
    with psycopg.connect(stack.admin_db_url) as connection:
        there = connection.execute("select current_setting('local_stack.platform', true)").fetchone()
        if there == (mark,):
            return
        if there != (None,):
            raise StackError("platform.sql has changed since this database was made: start over with --reset.")
        connection.execute(text)
        connection.execute(sql.SQL("alter database postgres set local_stack.platform = {}").format(mark))


def apply_migrations(stack: Stack, folder: Path = SUPABASE / "migrations") -> list[str]:
    """Applies what is new, each file in a transaction of its own, as `postgres`; returns the names."""
    applied = []
    with psycopg.connect(stack.db_url, autocommit=True) as connection:
        connection.execute(BOOKS)
        rows = connection.execute("select version, statements from supabase_migrations.schema_migrations")
        known = {version: "".join(statements or []) for version, statements in rows}
        for path in sorted(folder.glob("*.sql")):
            version, _, name = path.stem.partition("_")
            text = path.read_text()
            if version not in known:
                with connection.transaction():
                    _run(connection, path, text)
                    connection.execute(
                        "insert into supabase_migrations.schema_migrations (version, name, statements)"
                        " values (%s, %s, %s)",
                        [version, name, [text]],
                    )
                applied.append(path.stem)
            elif _bare(known.pop(version)) != _bare(text):
                raise StackError(f"{path.name} has changed since it was applied: start over with --reset.")
        gone = sorted(set(known) - {path.stem.partition("_")[0] for path in folder.glob("*.sql")})
        if gone:
            raise StackError(f"Migrations {', '.join(gone)} are applied but no longer there: start over with --reset.")
    return applied


def apply_seed(stack: Stack, path: Path = SUPABASE / "seed.sql") -> bool:
    """Applies the seed unless some version of it was applied before."""
    if not path.exists():
        return False
    text = path.read_text()
    with psycopg.connect(stack.db_url) as connection:
        added = connection.execute(
            "insert into supabase_migrations.seed_files (path, hash) values (%s, %s) on conflict do nothing",
            [f"supabase/{path.name}", hashlib.sha256(text.encode()).hexdigest()],
        )
        if added.rowcount == 0:
            return False
        _run(connection, path, text)
    return True


def let_worker_in(stack: Stack) -> None:
    """Gives the worker's role the password of local stacks, if the migrations made that role."""
    with psycopg.connect(stack.admin_db_url) as connection:
        if connection.execute("select from pg_roles where rolname = %s", [WORKER_ROLE]).fetchone() is not None:
            role = sql.Identifier(WORKER_ROLE)
            connection.execute(sql.SQL("alter role {} login password {}").format(role, WORKER_PASSWORD))


def _run(connection: psycopg.Connection, path: Path, text: str) -> None:
    try:
        connection.execute(text)
    except psycopg.Error as error:
        position = int(error.diag.statement_position or 0)
        line = text.count("\n", 0, position) + 1
        where = f"{path.name}, line {line}" if position else path.name
        detail = "".join(f"\n  {part}" for part in (error.diag.message_detail, error.diag.context) if part)
        message = error.diag.message_primary or str(error)
        raise StackError(f"{where}: {message} (SQLSTATE {error.sqlstate}){detail}") from error


def _bare(text: str) -> str:
    """A migration without what the CLI drops as it splits the text into statements."""
    return re.sub(r"[\s;]+", "", text)
