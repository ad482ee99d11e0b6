"""Whether all is well: what the database's own checks found, as a table or for a machine."""

import asyncio
import json
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from worker import database, logs, settings

TIMEOUT_S = 30.0  # it reads samples of big tables
UNWRAPPED_COLUMNS = 1000  # in a file, a check is a line

REPORT = "select report.ok, report.checks from private.health_report() as report"

app = typer.Typer()


@dataclass(frozen=True)
class Check:
    """What one check found; the hint says what to do and is None where all is well."""

    name: str
    ok: bool
    detail: str
    hint: str | None


@dataclass(frozen=True)
class Report:
    """All checks; ok when each of them is."""

    ok: bool
    checks: tuple[Check, ...]


async def ask(connection: database.Connection) -> Report:
    """The database's report of itself. Raises DatabaseError."""
    is_ok, found = await connection.fetch(REPORT, timeout_s=TIMEOUT_S)
    return Report(is_ok, tuple(Check(**check) for check in found))


@app.command(
    epilog="Exit status: 0 all is well, 1 something is not or the database cannot be asked, 2 the settings are wrong."
)
def health(
    as_json: Annotated[bool, typer.Option("--json", help="Print the report for a machine: {ok, checks}.")] = False,
    only_wrong: Annotated[bool, typer.Option("--wrong", help="Print only what is not well.")] = False,
) -> None:
    """Print what the database's checks find, and what to do about it. Settings as for `run`.

    Examples: `hourglass health`, `hourglass health --wrong || page-somebody`,
    `hourglass health --json | jq -r '.checks[] | select(.ok | not) | .name'`
    """
    chosen = settings.load()
    logs.configure(chosen.log_format, chosen.secrets)
    report = asyncio.run(_ask_once(chosen))
    shown = [check for check in report.checks if not (only_wrong and check.ok)]
    if as_json:
        typer.echo(json.dumps({"ok": report.ok, "checks": [asdict(check) for check in shown]}))
    else:
        _print(report, shown)
    raise typer.Exit(0 if report.ok else 1)


async def _ask_once(chosen: settings.Settings) -> Report:
    connection = database.Connection(chosen.database_url.get_secret_value(), "health")
    try:
        return await ask(connection)
    finally:
        await connection.close()


def _print(report: Report, shown: list[Check]) -> None:
    console = Console()
    if not console.is_terminal:
        console.width = UNWRAPPED_COLUMNS
    if shown:
        table = Table("check", "", "detail", "hint", box=None, pad_edge=False)
        for check in shown:
            mark = Text("ok", "green") if check.ok else Text("NOT OK", "bold red")
            table.add_row(Text(check.name), mark, Text(check.detail), Text(check.hint or ""))
        console.print(table)
    wrong_count = sum(not check.ok for check in report.checks)
    typer.echo(f"{len(report.checks)} checks, {f'{wrong_count} not ok' if wrong_count else 'all well'}")
