"""A heartbeat and a state read, as PostgREST runs them, against the barest statement on the same row."""

from collections.abc import Iterator

import psycopg

from benchmarks import database, scripts
from benchmarks.comparison import Comparison, compare
from benchmarks.report import Row
from benchmarks.scale import Scale
from local_stack.testing import TemporaryStack

CLOSED_USERS = 10_000
HEARTBEAT_INTERVAL_S = 30

TABLE = "public.usage_sessions"
SESSION = "md5('u' || :n)::uuid"
# What is left of a heartbeat when it neither judges nor answers: no function that writes can cost less.
FLOOR = """
create function floor.heartbeat(session_id uuid) returns void language plpgsql security definer set search_path = ''
as $$
begin
  update public.usage_sessions set expires_at = clock_timestamp() + interval '1 day' where id = session_id;
end
$$;
grant execute on function floor.heartbeat(uuid) to authenticated;
"""
SCRIPTS = {
    "heartbeat": scripts.AS_USER % f"select public.heartbeat_usage_session({SESSION});",
    "floor": scripts.AS_USER % f"select floor.heartbeat({SESSION});",
    "update": f"update public.usage_sessions set expires_at = clock_timestamp() + '1 day' where id = {SESSION};",
    "state": scripts.AS_USER % "select public.get_usage_state();",
    "select": scripts.AS_USER % f"select * from public.usage_sessions where id = {SESSION};",
}


class Calls:
    """Throughput of the scripts against one database, and how the heartbeats' updates were done."""

    def __init__(self, stack: TemporaryStack, connection: psycopg.Connection, scale: Scale) -> None:
        self._rounds = scale.rounds
        client_url = stack.database_url("authenticator")
        connection.execute(FLOOR)
        made = {
            name: scripts.Script(
                stack.db_url if name == "update" else client_url,
                scripts.write(stack.folder / "scripts", name, text),
                scale.round_s,
            )
            for name, text in SCRIPTS.items()
        }
        self.heartbeat = scripts.Update(made["heartbeat"], connection, TABLE)
        self._update = scripts.Update(made["update"], connection, TABLE)
        self._floor = scripts.Update(made["floor"], connection, TABLE)
        self._state, self._select = made["state"], made["select"]

    def compare_heartbeat(self) -> Comparison:
        return compare(self.heartbeat.per_second, self._update.per_second, self._rounds)

    def compare_floor(self) -> Comparison:
        return compare(self._floor.per_second, self._update.per_second, self._rounds)

    def compare_state(self) -> Comparison:
        return compare(self._state.per_second, self._select.per_second, self._rounds)


def measure(stack: TemporaryStack, scale: Scale) -> Iterator[Row]:
    """Heartbeat and state read, without a past and with one."""
    with database.connect(stack) as connection:
        calls = Calls(stack, connection, scale)
        database.start_sessions(connection, scripts.USERS)
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
        hot, count = calls.heartbeat.hot_count, calls.heartbeat.count
        yield Row("heartbeats that were HOT updates", hot, count, hot / count, "", "all")


def _row(name: str, comparison: Comparison, target: str) -> Row:
    return Row(name, comparison.subject, comparison.baseline, comparison.ratio, "/s", target)


def _beside_empty(name: str, full: Comparison, empty: Comparison) -> Row:
    return Row(f"  {name}: that ratio vs empty", full.ratio, empty.ratio, full.ratio / empty.ratio, "", "within 10 %")
