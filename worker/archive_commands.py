"""The console command `hourglass archive`."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from worker import archive, archive_query, database, errors, logs, settings, storage

app = typer.Typer(
    no_args_is_help=True,
    help="What is past its retention, kept in Parquet files: a partition of usage_logs or session_events each. "
    "Settings as for `run`, and ARCHIVE_URL.",
)

LIST = "select private.list_archives()"
QUERY_TIMEOUT_S = 60.0


@app.command("ls")
def list_archives() -> None:
    """Each partition that was archived, and those that wait to be."""
    chosen = _load()
    place = f"{chosen.archive_url.rstrip('/')}/" if chosen.archive_url else ""
    head = ("partition", "rows", "bytes", "from", "to", "location")
    rows = [
        (
            found["name"],
            found["row_count"] if found["archived_at"] else "",
            found["byte_count"] if found["archived_at"] else "",
            found["starts_at"],
            found["ends_at"],
            f"{place}{found['file_name']}" if found["archived_at"] else f"waits{_because(found['fault'])}",
        )
        for found in asyncio.run(_list(chosen))
    ]
    _print_table(head, rows)


@app.command()
def query(sql: Annotated[str, typer.Argument(help='such as "select sum(credits) from usage_logs"')]) -> None:
    """Ask the archives of each table under its name, by DuckDB's SQL. Nothing can be changed, nothing else read."""
    chosen = _load()
    kept = _open(chosen)
    tables: dict[str, list[str]] = {}
    for found in asyncio.run(_list(chosen)):
        if found["archived_at"]:
            tables.setdefault(found["table_name"], []).append(f"{kept.address}/{found['file_name']}")
    _print_table(*archive_query.ask(kept, tables, sql))


@app.command("run")
def run_now() -> None:
    """Archive now all that is past its retention, and say how much that was."""
    chosen = _load()
    kept = _open(chosen)
    with typer.progressbar(length=1, label="archiving") as bar:

        def show(awaiting: archive.Awaiting, block: int) -> None:
            bar.label = awaiting.name
            bar.length = max(awaiting.block_count, 1)
            bar.update(block - bar.pos)

        result = asyncio.run(_run(chosen, kept, show))
    if result is None:
        typer.echo("another worker is at it")
        return
    typer.echo(f"archived {result.archived_count}, failed {result.failed_count}")
    if result.failed_count:
        raise typer.Exit(1)


def _load() -> settings.Settings:
    chosen = settings.load()
    logs.configure(chosen.log_format, chosen.secrets)
    return chosen


def _open(chosen: settings.Settings) -> storage.Storage:
    if chosen.archive_url is None:
        raise errors.SettingsError("ARCHIVE_URL is missing")
    return storage.open_storage(chosen.archive_url, chosen.s3_config)


async def _list(chosen: settings.Settings) -> list[dict[str, Any]]:
    connection = database.Connection(chosen.database_url.get_secret_value(), "archive")
    try:
        (found,) = await connection.fetch(LIST, (), QUERY_TIMEOUT_S)
        return list(found)
    finally:
        await connection.close()


async def _run(
    chosen: settings.Settings, kept: storage.Storage, show: Callable[[archive.Awaiting, int], None]
) -> archive.Result | None:
    connection = database.Connection(chosen.database_url.get_secret_value(), "archive")
    try:
        return await archive.Archive(connection, kept, show).run()
    finally:
        await connection.close()


def _because(fault: str | None) -> str:
    return f": {fault}" if fault else ""


def _print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    lines = [[str(value) for value in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        typer.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
