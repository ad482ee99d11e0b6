"""The jobs of the timetable, run by hand: what pg_cron calls once a minute, an hour or a day."""

import asyncio
from collections.abc import Callable

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TimeElapsedColumn

from worker import database, jobs, logs, settings

BATCH_TIMEOUT_S = 600.0

RUN_JOB = "select private.run_job(%s)"

# As pg_cron knows them, without the prefix.
JOBS = {
    "announce-overview": "Send the totals of usage to administrators if they have changed.",
    "count-activity": "Count the days that are over for the dashboard's series.",
    "drop-old-events": "Drop the weeks of session events past their retention.",
    "drop-old-usage-logs": "Drop the months of usage logs past their retention.",
    "end-unseen-user-sessions": "End tracked sessions without a sign of life.",
    "forget-old-hours": "Remove hourly totals that nothing shows any more.",
    "forget-old-keys": "Remove idempotency keys past their 31 days.",
    "forget-old-notifications": "Remove notifications that are done with.",
    "make-event-partitions": "Make the next weeks' partitions of session events.",
    "make-usage-log-partitions": "Make the next months' partitions of usage logs.",
    "remove-old-user-sessions": "Remove ended tracked sessions past their retention.",
    "roll-up-sessions": "Add up the days of tracked sessions that are over.",
    "roll-up-usage": "Count usage logs into the hourly, daily and total sums.",
    "run-due": "Do all that is due: end metered sessions, warn and expire rooms, remove dead ones, book credits.",
    "trim-job-runs": "Remove what pg_cron wrote about our old runs.",
}

RUN_DUE = {"run-due", "close-due-sessions"}  # two names of one job, in batches of the setting

app = typer.Typer(
    no_args_is_help=True,
    help="Run one job of the timetable until nothing is left to do, print what it did, and exit: for what pg_cron "
    "missed, or where it is off. Safe beside pg_cron and workers.\n\n"
    "Example: `hourglass once roll-up-usage`",
    epilog="Exit status: 0 done, 1 failed, 2 the settings are wrong. Settings as for `run`.",
)


def _add(name: str, about: str) -> None:
    @app.command(name, help=about)
    def run_once(log_format: logs.FormatOption = None) -> None:
        chosen = settings.load(log_format)
        logs.configure(chosen.log_format, chosen.secrets)
        typer.echo(asyncio.run(_run(name, chosen)))


for _name, _about in JOBS.items():
    _add(_name, _about)
_add("close-due-sessions", "The same as `run-due`.")


async def _run(name: str, chosen: settings.Settings) -> str:
    """Runs a job until nothing is left to do, with a bar on a terminal. What it did, in a line."""
    connection = database.Connection(chosen.database_url.get_secret_value(), "work")
    with _progress() as progress:
        bar = progress.add_task(name, total=None, done=0)
        try:
            if name in RUN_DUE:
                return await _run_due(connection, chosen.sweep_batch_size, lambda done: progress.update(bar, done=done))
            return await _run_job(connection, name, lambda done: progress.update(bar, done=done))
        finally:
            await connection.close()


async def _run_due(connection: database.Connection, batch_size: int, show: Callable[[int], None]) -> str:
    sweep = await jobs.run_all_due(connection, batch_size, show)
    state = "more is due but locked" if sweep.is_behind else f"next deadline {sweep.next_deadline_at or 'none'}"
    return f"did {sweep.done_count}, {state}"


async def _run_job(connection: database.Connection, name: str, show: Callable[[int], None]) -> str:
    done_count = 0
    while True:
        (batch_count,) = await connection.fetch(RUN_JOB, (name,), BATCH_TIMEOUT_S)
        if not batch_count:
            return f"did {done_count}"
        done_count += batch_count
        show(done_count)


def _progress() -> Progress:
    """Total unknown: how much is left would have to be counted, which takes as long."""
    console = Console(stderr=True)
    columns = ("{task.description}", BarColumn(), "{task.fields[done]} done", TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
