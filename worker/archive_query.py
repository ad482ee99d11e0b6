"""Questions to the archives, and to nothing else: each table is a view of its Parquet files."""

import json
from collections.abc import Mapping, Sequence

import duckdb

from worker import errors
from worker.parquet import connected, faults, literal, quoted
from worker.storage import Storage

DECIMAL_DIGITS = 38

AS_TEXT = "select columns(*)::varchar from ({query}\n)"
FILES = "read_parquet({files}, union_by_name = true)"
COLUMNS = "select value from parquet_kv_metadata({files}) where key = 'columns'"
VIEW = "create view {name} as select * {replaced} from {source}"
# A query that somebody copied from elsewhere reads no other file and sends nothing anywhere.
CLOSE = """set allowed_directories = [{address}]; set enable_external_access = false; set lock_configuration = true"""
DIGITS = """select max(strlen(split_part({column}, '.', 1))), max(strlen(split_part({column}, '.', 2)))
    from {source}"""


def ask(storage: Storage, tables: Mapping[str, Sequence[str]], query: str) -> tuple[list[str], list[tuple[str, ...]]]:
    """Names of columns and rows, as text, of one query of the archives. Raises ArchiveError."""
    with faults(), connected(storage) as connection:
        for table_name, addresses in tables.items():
            _make_view(connection, table_name, addresses)
        connection.execute(CLOSE.format(address=literal(f"{storage.address}/")))
        statements = connection.extract_statements(query)
        if len(statements) != 1 or statements[0].type is not duckdb.StatementType.SELECT:
            raise errors.ArchiveError("one `select` is what can be asked")
        cursor = connection.execute(AS_TEXT.format(query=query.strip().rstrip(";")))
        names = [name for name, *_ in cursor.description or ()]
        return names, [tuple("" if value is None else value for value in row) for row in cursor.fetchall()]


def _make_view(connection: duckdb.DuckDBPyConnection, table_name: str, addresses: Sequence[str]) -> None:
    """A table's archives under its name; each numeric is a decimal, if one has room for every value as it is."""
    files = f"[{', '.join(map(literal, addresses))}]"
    source = FILES.format(files=files)
    found = connection.execute(COLUMNS.format(files=files)).fetchall()
    columns = {name: kind for (value,) in found for name, kind in json.loads(bytes(value))}
    casts = [
        f"cast({quoted(name)} as decimal({DECIMAL_DIGITS}, {scale})) as {quoted(name)}"
        for name, kind in columns.items()
        if kind == "numeric" and (scale := _scale(connection, source, name)) is not None
    ]
    replaced = f"replace ({', '.join(casts)})" if casts else ""
    connection.execute(VIEW.format(name=quoted(table_name), replaced=replaced, source=source))


def _scale(connection: duckdb.DuckDBPyConnection, source: str, name: str) -> int | None:
    """How many digits after the point a decimal needs for all values of a column; None when one does not suffice."""
    before, after = connection.execute(DIGITS.format(column=quoted(name), source=source)).fetchone() or (0, 0)
    return int(after or 0) if (before or 0) + (after or 0) <= DECIMAL_DIGITS else None
