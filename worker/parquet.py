"""Rows of Postgres in Parquet files, exactly. DuckDB does the work."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import duckdb

from worker import errors
from worker.storage import Storage, reason_of

STAGED = "staged.duckdb"
DRAFT = ".draft"
MEMORY_LIMIT = "256MB"
# Everything else stays the text that Postgres gave: numeric has no bounds that a decimal type has, and nothing is
# rounded; nor need DuckDB agree with Postgres on what is JSON.
TYPES = {
    "uuid": "UUID",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "boolean": "BOOLEAN",
    "timestamp with time zone": "TIMESTAMPTZ",
    "xid8": "UBIGINT",
}
ROWS_OF_TEXTS = """insert into staged select {values}
    from (select unnest(from_json(?::json, '[["VARCHAR"]]')) as r)"""
WRITE = """copy staged to {target}
    (format parquet, compression zstd, row_group_size_bytes '32MB', kv_metadata {{{pairs}}})"""
SUMS = """select count(*), format('{{}}-{{}}', coalesce(sum(('0x' || md5[1:15])::bigint), 0)::varchar,
    coalesce(sum(('0x' || md5[16:30])::bigint), 0)::varchar)
    from (select md5(concat_ws(';', {texts})) as md5 from {source})"""

Columns = list[tuple[str, str]]  # name and type in Postgres


@dataclass(frozen=True)
class Sums:
    """As private.sums_of_partition has them: rows, and a checksum in which their order does not matter."""

    row_count: int
    checksum: str


class Staging:
    """Rows on their way, in a database file that a killed process leaves as after the last `add`."""

    def __init__(self, path: Path, columns: Columns) -> None:
        self._path = path
        self._columns = columns
        self._is_discarded = False

    def __enter__(self) -> Self:
        with faults():
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._connection = duckdb.connect(str(self._path), config=_config(self._path.parent))
            declared = ", ".join(f"{quoted(name)} {TYPES.get(kind, 'VARCHAR')}" for name, kind in self._columns)
            self._connection.execute(f"create table if not exists staged ({declared})")
            self._connection.execute("create table if not exists progress (change_count bigint, next_block bigint)")
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.interrupt()  # a thread that was left behind may still be at it
        self._connection.close()
        if self._is_discarded:
            _remove(self._path.parent, f"{self._path.name}*")

    @property
    def progress(self) -> tuple[int, int | None] | None:
        """The change_count of the rows that are here, and the block to go on with, None when all are here."""
        with faults():
            return self._connection.execute("select change_count, next_block from progress").fetchone()

    def add(self, texts: str | None, change_count: int, next_block: int | None) -> None:
        """Rows as private.read_awaiting gives them."""
        values = ", ".join(_value(f"r[{place}]", kind) for place, (_, kind) in enumerate(self._columns, 1))
        with faults():
            self._connection.begin()
            self._connection.execute(ROWS_OF_TEXTS.format(values=values), [texts or "[]"])
            self._connection.execute("delete from progress")
            self._connection.execute("insert into progress values (?, ?)", [change_count, next_block])
            self._connection.commit()

    def write(self, target: Path, metadata: dict[str, str]) -> Sums:
        """Writes all rows to a Parquet file, and adds them up."""
        pairs = ", ".join(f"{name}: {literal(value)}" for name, value in metadata.items())
        with faults():
            self._connection.execute(WRITE.format(target=literal(str(target)), pairs=pairs))
            return _sums(self._connection, "staged", self._columns)

    def discard(self) -> None:
        """On the way out all rows are forgotten and the files go."""
        self._is_discarded = True


def clear(work_folder: Path) -> None:
    """Removes what is left in a folder where nobody is at work."""
    _remove(work_folder, f"*{STAGED}*")
    _remove(work_folder, f"*{DRAFT}")


def sums_of_file(storage: Storage, name: str, columns: Columns) -> Sums:
    """Reads a file back from where it is kept."""
    with faults(), connected(storage) as connection:
        return _sums(connection, f"read_parquet({literal(f'{storage.address}/{name}')})", columns)


@contextmanager
def connected(storage: Storage) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of nothing, that can open what is kept in the storage."""
    with duckdb.connect(config=_config(storage.work_folder)) as connection:
        connection.execute("set timezone = 'UTC'")
        if storage.filesystem is not None:
            connection.register_filesystem(storage.filesystem)
        yield connection


@contextmanager
def faults() -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, OSError) as fault:
        raise errors.ArchiveError(reason_of(fault)) from fault


def _remove(folder: Path, pattern: str) -> None:
    with faults():
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)


def _sums(connection: duckdb.DuckDBPyConnection, source: str, columns: Columns) -> Sums:
    texts = ", ".join(
        f"coalesce(strlen({text})::varchar || ':' || {text}, '-')" for text in (_text(*column) for column in columns)
    )
    row_count, checksum = connection.execute(SUMS.format(texts=texts, source=source)).fetchone() or (0, "")
    return Sums(int(row_count), str(checksum))


def _text(name: str, kind: str) -> str:
    column = quoted(name)
    return f"epoch_us({column})::varchar" if TYPES.get(kind) == "TIMESTAMPTZ" else f"{column}::varchar"


def _value(text: str, kind: str) -> str:
    return (
        f"make_timestamptz({text}::bigint)"
        if TYPES.get(kind) == "TIMESTAMPTZ"
        else f"{text}::{TYPES.get(kind, 'VARCHAR')}"
    )


def _config(folder: Path) -> dict[str, Any]:
    return {
        "memory_limit": MEMORY_LIMIT,
        "preserve_insertion_order": False,  # which would keep a row group of 122,880 rows in memory, however long
        "temp_directory": str(folder / "spill"),
        "threads": 1,
    }


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
