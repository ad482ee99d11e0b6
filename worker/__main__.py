"""The console command `hourglass`."""

import asyncio

import typer

from worker import __version__, database, errors, jobs, logs, service, settings

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, and with them secrets
    help="Hourglass makes deadlines punctual: it ends sessions and rooms that are due at that instant. "
    "Several may run; one leads. Without it pg_cron does the same work once a minute.",
)
once = typer.Typer(no_args_is_help=True, help="Run one job until nothing is due, print what it did, and exit.")
app.add_typer(once, name="once")


@app.command(
    help="Run until SIGTERM or SIGINT (Ctrl-C).\n\nSettings come from the environment:\n\n" + settings.explain()
)
def run() -> None:
    chosen = settings.load()
    logs.configure(chosen.log_format, chosen.secrets)
    asyncio.run(service.run(chosen))


@once.command("run-due")
@once.command("close-due-sessions")  # ends sessions like the other, and does the rest that is due
def run_due() -> None:
    """Do all that is due: end metered sessions, warn and expire rooms, remove dead ones. Settings as for `run`."""
    chosen = settings.load()
    logs.configure(chosen.log_format, chosen.secrets)
    sweep = asyncio.run(_run_due(chosen))
    state = "more is due but locked" if sweep.is_behind else f"next deadline {sweep.next_deadline_at or 'none'}"
    typer.echo(f"did {sweep.done_count}, {state}")


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


async def _run_due(chosen: settings.Settings) -> jobs.Sweep:
    connection = database.Connection(chosen.database_url.get_secret_value(), "work")
    try:
        return await jobs.run_all_due(connection, chosen.sweep_batch_size)
    finally:
        await connection.close()


def main() -> None:
    """Exit status: 0 done, 1 failed, 2 the settings are wrong."""
    try:
        app()
    except errors.HourglassError as fault:
        typer.echo(f"hourglass: {fault}", err=True)
        raise SystemExit(fault.exit_status) from None


if __name__ == "__main__":
    main()
