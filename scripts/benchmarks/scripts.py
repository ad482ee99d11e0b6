"""Statements for pgbench: as a client's call through PostgREST, or bare."""

from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks import database, pgbench

USERS = 1000

PICK = r"\set n random(1, :users)"
# In a pipeline they are one transaction and one round trip.
AS_USER = r"""
\startpipeline
select set_config('role', 'authenticated', true),
  set_config('request.jwt.claims', '{"sub":"u' || :n || '","role":"authenticated"}', true);
%s
\endpipeline
"""
AS_SERVICE = r"""
\startpipeline
select set_config('role', 'service_role', true), set_config('request.jwt.claims', '{"role":"service_role"}', true);
%s
\endpipeline
"""
AT_ONCE = r"""
\startpipeline
%s
\endpipeline
"""


def write(folder: Path, name: str, text: str) -> Path:
    """Makes a script in which n is one of the users."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.sql"
    path.write_text(f"{PICK}\n{text.strip()}\n")
    return path


@dataclass(frozen=True)
class Script:
    """A script that runs on one database for rounds of equal length."""

    url: str
    path: Path
    round_s: int
    users: int = USERS
    clients: int = pgbench.CLIENTS

    def run(self) -> pgbench.Run:
        return pgbench.run(self.url, self.path, self.round_s, self.clients, users=self.users)

    def per_second(self) -> float:
        return self.run().per_second


@dataclass
class Update:
    """A script that updates one row of a table, and how these updates were done."""

    script: Script
    connection: psycopg.Connection
    table: str
    count: int = 0
    hot_count: int = 0

    def per_second(self) -> float:
        before = database.updates(self.connection, self.table)
        run = self.script.run()
        # What is counted late would pass for the next script's.
        after = database.updates(self.connection, self.table, before[0] + run.transactions)
        self.count += after[0] - before[0]
        self.hot_count += after[1] - before[1]
        return run.per_second
