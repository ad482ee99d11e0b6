"""The console command `hourglass`."""

import asyncio

import typer

from worker import (
    __version__,
    archive_commands,
    errors,
    health,
    logs,
    service,
    settings,
    timetable,
    webhook_commands,
)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, and with them secrets
    help="Hourglass makes deadlines punctual: it ends sessions and rooms that are due at that instant. "
    "Several may run; one leads. Without it pg_cron does the same work once a minute.",
    epilog="Exit status of every command: 0 done, 1 failed, 2 the settings are wrong. "
    "Begin with `hourglass run --help`, which names the settings; then `hourglass health` says whether all is well.",
)
app.add_typer(webhook_commands.app, name="webhooks")


@app.command(
    help="Run until SIGTERM or SIGINT (Ctrl-C).\n\n"
    "Example: `hourglass run --log-format json`\n\n"
    "Settings come from the environment:\n\n" + settings.explain(),
    epilog="Exit status: 0 stopped, 1 failed, 2 the settings are wrong: the message names each and shows no value.",
)
def run(log_format: logs.FormatOption = None) -> None:
    chosen = settings.load(log_format)
    logs.configure(chosen.log_format, chosen.secrets)
    asyncio.run(service.run(chosen))


app.add_typer(timetable.app, name="once")
app.add_typer(health.app)
app.add_typer(archive_commands.app, name="archive")


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Exit status: 0 done, 1 failed, 2 the settings are wrong."""
    try:
        app()
    except errors.HourglassError as fault:
        typer.echo(f"hourglass: {fault}", err=True)
        raise SystemExit(fault.exit_status) from None


if __name__ == "__main__":
    main()
