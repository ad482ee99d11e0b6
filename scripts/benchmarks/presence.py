"""A sign of life in a tracked session and in a room, against the barest statement on the same row."""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from benchmarks import database, rooms, scripts, tracked
from benchmarks.comparison import Comparison, compare
from benchmarks.report import Row
from benchmarks.scale import Scale
from local_stack.testing import TemporaryStack

PEOPLE = 8  # in a room


@dataclass(frozen=True)
class Sign:
    """A function that only says that somebody is there, and which row of which table that changes."""

    function: str
    argument: str
    table: str
    row: str

    @property
    def update(self) -> str:
        return f"update {self.table} set last_seen_at = clock_timestamp() where id"

    @property
    def floor(self) -> str:
        """What is left of it when it neither judges nor answers: no function that writes can cost less."""
        return f"""
create function floor.{self.function}(row_id uuid) returns void
language plpgsql security definer set search_path = '' as $$
begin
  {self.update} = row_id;
end
$$;
grant execute on function floor.{self.function}(uuid) to authenticated;
"""


SIGNS = (
    Sign("heartbeat_user_session", "md5('u' || :n)::uuid", "public.user_sessions", "md5('u' || :n)::uuid"),
    Sign(
        "touch_presence",
        f"md5('live' || (:n - 1) / {PEOPLE})::uuid",
        "public.session_participants",
        f"md5('live' || (:n - 1) / {PEOPLE} || 'u' || :n)::uuid",
    ),
)


def measure(stack: TemporaryStack, scale: Scale) -> Iterator[Row]:
    """Both signs of life, each with the least that one can cost."""
    with database.connect(stack) as connection:
        rooms.clear(connection, scripts.USERS)
        rooms.add(connection, rooms.Rooms("live", scripts.USERS // PEOPLE, PEOPLE, scripts.USERS))
        tracked.start_sessions(connection, scripts.USERS)
        for sign in SIGNS:
            yield from _rows(stack, connection, scale, sign)


def _rows(stack: TemporaryStack, connection: psycopg.Connection, scale: Scale, sign: Sign) -> Iterator[Row]:
    client_url = stack.database_url("authenticator")
    connection.execute(sign.floor.encode())

    def update(url: str, name: str, text: str) -> scripts.Update:
        path = scripts.write(stack.folder / "scripts", f"{sign.function}_{name}", text)
        return scripts.Update(scripts.Script(url, path, scale.round_s), connection, sign.table)

    call = update(client_url, "call", scripts.AS_USER % f"select public.{sign.function}({sign.argument});")
    floor = update(client_url, "floor", scripts.AS_USER % f"select floor.{sign.function}({sign.row});")
    bare = update(stack.db_url, "update", f"{sign.update} = {sign.row};")
    calls = compare(call.per_second, bare.per_second, scale.rounds)
    yield _row(f"{sign.function} vs bare UPDATE", calls, "ratio ≥ 0.75")
    floors = compare(floor.per_second, bare.per_second, scale.rounds)
    yield _row("  an empty function that does the UPDATE", floors, "no less can be done")
    yield Row("  those that were HOT updates", call.hot_count, call.count, call.hot_count / call.count, "", "all")


def _row(name: str, comparison: Comparison, target: str) -> Row:
    return Row(name, comparison.subject, comparison.baseline, comparison.ratio, "/s", target)
