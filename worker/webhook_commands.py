"""The commands `hourglass webhooks …`."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer

from worker import database, deliveries, errors, logs, settings, webhooks

REPLAY_BATCH = 500

LIST = "select w from private.list_webhooks() w"
COUNT_DEAD = "select c from private.count_dead_deliveries(%s, %s, %s) c"
REPLAY = "select r from private.replay_deliveries(%s, %s, %s, %s) r"
PREPARE_TEST = "select t, clock_timestamp() from private.prepare_webhook_test(%s) t"

COLUMNS = ("id", "enabled", "waiting", "dead", "kinds", "url", "last error")
Endpoint = Annotated[UUID | None, typer.Option(help="Only those of this endpoint.", metavar="ID")]
Since = Annotated[datetime | None, typer.Option(help="Only those given up since then; in UTC.")]
Notification = Annotated[UUID | None, typer.Option(help="Only this one: its webhook-id.", metavar="ID")]
T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True,
    help="See and mend the delivery of notifications to webhooks. Settings as for `run`.\n\n"
    "An endpoint is a row of webhook_endpoints, which a back end writes with the service key: insert a `url` and read "
    "the `secret` that it got. A delivery has 8 tries within about a day; then it is dead, and waits for `replay`.",
)


@app.command("list")
def list_endpoints() -> None:
    """Show each endpoint with what waits, what is dead, and the last error. Secrets are not shown."""
    (endpoints,) = _run(lambda connection, _: connection.fetch(LIST))
    lines = [COLUMNS, *map(_cells, endpoints)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    for line in lines:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


@app.command()
def replay(endpoint: Endpoint = None, since: Since = None, notification: Notification = None) -> None:
    """Queue dead deliveries again, with 8 tries each and the webhook-id that they had.

    Without options all of them. A worker that runs delivers them at once.
    """
    replayed_count = _run(lambda connection, _: _replay(connection, endpoint, since, notification))
    typer.echo(f"queued {replayed_count}")


@app.command("test")
def test_endpoint(endpoint: Annotated[UUID, typer.Argument(help="The endpoint's id; see `list`.")]) -> None:
    """Post a signed message of type `test` to an endpoint now, from this machine, and say what it answered.

    It counts nowhere and is not repeated.
    """
    outcome = _run(lambda connection, chosen: _test(connection, chosen, endpoint))
    if not outcome.is_delivered:
        raise errors.WebhookTestError(outcome.error or "")
    typer.echo(f"answered {outcome.status}")


async def _replay(
    connection: database.Connection, endpoint: UUID | None, since: datetime | None, notification: UUID | None
) -> int:
    which = (endpoint, since and since.replace(tzinfo=UTC), notification)
    (dead_count,) = await connection.fetch(COUNT_DEAD, which)
    replayed_count = 0
    with typer.progressbar(length=dead_count, label="queueing") as bar:
        while replayed_count < dead_count:
            (count,) = await connection.fetch(REPLAY, (REPLAY_BATCH, *which))
            if count == 0:
                break
            replayed_count += count
            bar.update(count)
    return replayed_count


async def _test(connection: database.Connection, chosen: settings.Settings, endpoint: UUID) -> webhooks.Outcome:
    claim, sent_at = await connection.fetch(PREPARE_TEST, (endpoint,))
    if claim is None:
        raise errors.WebhookUnknownError
    poster = webhooks.Poster(chosen.webhook_allow_private_addresses)
    try:
        return await poster.post(deliveries.delivery_of(claim, sent_at))
    finally:
        await poster.close()


def _cells(endpoint: dict[str, Any]) -> tuple[str, ...]:
    return (
        endpoint["id"],
        "yes" if endpoint["enabled"] else "no",
        str(endpoint["pending_count"]),
        str(endpoint["dead_count"]),
        ",".join(endpoint["kinds"] or ["all"]),
        endpoint["url"],
        endpoint["last_error"] or "",
    )


def _run(work: Callable[[database.Connection, settings.Settings], Awaitable[T]]) -> T:
    chosen = settings.load()
    logs.configure(chosen.log_format, chosen.secrets)

    async def run() -> T:
        connection = database.Connection(chosen.database_url.get_secret_value(), "webhooks")
        try:
            return await work(connection, chosen)
        finally:
            await connection.close()

    return asyncio.run(run())
