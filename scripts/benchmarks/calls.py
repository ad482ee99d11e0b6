"""A heartbeat and a state read, as PostgREST runs them, against the barest statement on the same row."""

from collections.abc import Iterator
from pathlib import Path

import psycopg

from benchmarks import database, pgbench
from benchmarks.comparison import Comparison, compare
from benchmarks.report import Row
from benchmarks.scale import Scale
from local_stack.testing import TemporaryStack

USERS = 1000
CLOSED_USERS = 10_000
HEARTBEAT_INTERVAL_S = 30
DESIGNED_USERS = 10_000

PICK = r"\set n random(1, :users)"
# In a pipeline they are one transaction and one round trip.
AS_USER = r"""
\startpipeline
select set_config('role', 'authenticated', true),
  set_config('request.jwt.claims', '{"sub":"u' || :n || '","role":"authenticated"}', true);
%s
\endpipeline
"""
SESSION = "md5('u' || :n)::uuid"
# What is left of a heartbeat when it neither judges nor answers: no function that writes can cost less.
FLOOR = """
create schema floor;
grant usage on schema floor to public;  -- who prepares the statement is not yet who executes it
create function floor.heartbeat(session_id uuid) returns void language plpgsql security definer set search_path = ''
as $$
begin
  update public.usage_sessions set expires_at = clock_timestamp() + interval '1 day' where id = session_id;
end
$$;
grant execute on function floor.heartbeat(uuid) to authenticated;
"""
SCRIPTS = {
    "heartbeat": AS_USER % f"select public.heartbeat_usage_session({SESSION});",
    "floor": AS_USER % f"select floor.heartbeat({SESSION});",
    "update": f"update public.usage_sessions set expires_at = clock_timestamp() + '1 day' where id = {SESSION};",
    "state": AS_USER % "select public.get_usage_state();",
    "select": AS_USER % f"select * from public.usage_sessions where id = {SESSION};",
}


class Calls:
    """Throughput of the scripts against one database, and how the heartbeats' updates were done."""

    def __init__(self, stack: TemporaryStack, connection: psycopg.Connection, scale: Scale) -> None:
        self._connection = connection
        self._scale = scale
        self._folder = stack.folder / "scripts"
        self._client_url = stack.database_url("authenticator")
        self._owner_url = stack.db_url
        self.heartbeats = 0
        self.hot = 0
        self._folder.mkdir()
        connection.execute(FLOOR)
        for name, text in SCRIPTS.items():
            self._path(name).write_text(f"{PICK}\n{text.strip()}\n")

    def compare_heartbeat(self) -> Comparison:
        return compare(self._heartbeat, self._update, self._scale.rounds)

    def compare_floor(self) -> Comparison:
        return compare(lambda: self._write("floor", self._client_url), self._update, self._scale.rounds)

    def compare_state(self) -> Comparison:
        return compare(lambda: self._read("state"), lambda: self._read("select"), self._scale.rounds)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.sql"

    def _run(self, name: str, url: str) -> pgbench.Run:
        return pgbench.run(url, self._path(name), self._scale.round_s, users=USERS)

    def _heartbeat(self) -> float:
        before = database.updates_of_sessions(self._connection)
        run = self._run("heartbeat", self._client_url)
        after = database.updates_of_sessions(self._connection, before[0] + run.transactions)
        self.heartbeats += after[0] - before[0]
        self.hot += after[1] - before[1]
        return run.per_second

    def _update(self) -> float:
        return self._write("update", self._owner_url)

    def _write(self, name: str, url: str) -> float:
        before = database.updates_of_sessions(self._connection)
        run = self._run(name, url)
        # Else what is counted late would pass for heartbeats.
        database.updates_of_sessions(self._connection, before[0] + run.transactions)
        return run.per_second

    def _read(self, name: str) -> float:
        return self._run(name, self._client_url).per_second


def measure(stack: TemporaryStack, scale: Scale) -> Iterator[Row]:
    """Heartbeat and state read, without a past and with one."""
    with database.connect(stack) as connection:
        calls = Calls(stack, connection, scale)
        database.start_sessions(connection, USERS)
        heartbeat = calls.compare_heartbeat()
        yield _row("heartbeat vs bare UPDATE", heartbeat, "ratio ≥ 0.75")
        yield _row("  an empty function that does the UPDATE", calls.compare_floor(), "no less can be done")
        users = heartbeat.subject * HEARTBEAT_INTERVAL_S, heartbeat.baseline * HEARTBEAT_INTERVAL_S
        yield Row(f"  as users at one per {HEARTBEAT_INTERVAL_S} s", *users, heartbeat.ratio, "users", "≥ 10,000 users")
        state = calls.compare_state()
        yield _row("state read vs bare SELECT", state, "ratio ≥ 0.5")

        closed = f"{CLOSED_USERS * scale.closed_per_user:,} closed"
        database.add_closed_sessions(connection, CLOSED_USERS, scale.closed_per_user)
        full_heartbeat = calls.compare_heartbeat()
        yield _row(f"heartbeat, {closed}", full_heartbeat, "ratio ≥ 0.75")
        yield _beside_empty("heartbeat", full_heartbeat, heartbeat)
        full_state = calls.compare_state()
        yield _row(f"state read, {closed}", full_state, "ratio ≥ 0.5")
        yield _beside_empty("state read", full_state, state)
        share = calls.hot / calls.heartbeats
        yield Row("heartbeats that were HOT updates", calls.hot, calls.heartbeats, share, "", "all")


def _row(name: str, comparison: Comparison, target: str) -> Row:
    return Row(name, comparison.subject, comparison.baseline, comparison.ratio, "/s", target)


def _beside_empty(name: str, full: Comparison, empty: Comparison) -> Row:
    return Row(f"  {name}: that ratio vs empty", full.ratio, empty.ratio, full.ratio / empty.ratio, "", "within 10 %")
