"""Measures the whole, or a part of it, on a throwaway stack of its own and prints a table."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from benchmarks import (
    batches,
    beats,
    calls,
    changes,
    charge_batches,
    charges,
    cleaning,
    database,
    events,
    failover,
    histories,
    presence,
    report,
    streams,
    sweep,
    usage,
    webhooks,
)
from benchmarks.scale import FULL, QUICK, Scale
from local_stack.processes import StackError
from local_stack.testing import TemporaryStack, temporary_stack

PARTS: dict[str, Callable[[TemporaryStack, Scale], Iterator[report.Row]]] = {
    "calls": calls.measure,
    "sweep": sweep.measure,
    "events": events.measure,
    "presence": presence.measure,
    "batches": batches.measure,
    "histories": histories.measure,
    "cleaning": cleaning.measure,
    "charges": charges.measure,
    "charge_batches": charge_batches.measure,
    "changes": changes.measure,
    "usage": usage.measure,
    "webhooks": webhooks.measure,
    "streams": streams.measure,
    "beats": beats.measure,
    "failover": failover.measure,
}
NOTES = """\
Each baseline was measured in this run, in turn with what it is compared to, on a database with default durability.
A ratio is the median over the rounds (calls, sweep, presence, batches) or the quotient of the numbers beside it.
A batch is compared with what a client could send at best: arrays, of which the server makes the rows of one INSERT.
Cleaning stores when each room expired and tells who is in it, and leaves a tombstone; the one DELETE does neither.
Rooms are joined 200 times a second by 8 clients meanwhile, live ones all; a wait counts from when the join was due.
Charges come from 16 clients; their baseline writes a log, a balance and what was burned, and tells nobody.
Usage is of 100,000 users, 1,000 of whom have a log that is not rolled up yet; adding up groups all logs at each look.
A stream is compared with a connection that was answered once, a message to it with one to whoever joined the channel.
A heartbeat is no HOT update where a vacuum or analyze of that moment kept old versions on a full page.
A webhook is claimed, signed, posted and booked, by one worker; the bare loop only posts.
A worker's CPU is that of its process; what the database does for it is not in it.
After a kill, nobody could sweep before the database had let go of the dead leader's lock: that is the baseline.
load: processes that wanted to run, mean of the last minute, when the row was done; the benchmark's own are in it."""


@contextmanager
def durable_stack() -> Iterator[TemporaryStack]:
    """A throwaway stack whose commits reach the disk, as everywhere but in tests."""
    with temporary_stack(api=False) as stack:
        stack.cluster.fast = False
        stack.cluster.restart()
        database.prepare(stack)
        yield stack


def main() -> str | None:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run with fewer rounds and a smaller database")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there too")
    options = parser.parse_args()
    about = report.machine() | {"quick": options.quick, "load_before": report.load_average()}
    began = time.monotonic()
    rows: list[report.Row] = []
    failure = None
    try:
        with durable_stack() as stack:
            about["postgres"] = database.version(stack)
            for part in options.only or PARTS:
                for row in PARTS[part](stack, QUICK if options.quick else FULL):
                    rows.append(row)
                    print(f"{time.monotonic() - began:4.0f} s  {row.name}", file=sys.stderr)
    except (StackError, psycopg.Error) as error:
        failure = f"error: {error}"  # what was measured until then is worth its minutes
    about |= {"load_after": report.load_average(), "took_s": round(time.monotonic() - began)}
    print(report.table(rows), "", NOTES, report.summary(about), sep="\n")
    if options.json:
        report.write(options.json, rows, about)
    return failure


if __name__ == "__main__":
    sys.exit(main())
