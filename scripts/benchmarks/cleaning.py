"""Dead rooms that are removed while people join live ones, against the plain way on the same data."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import psycopg

from benchmarks import database, joins, peer, rooms, scripts
from benchmarks.report import Row
from benchmarks.scale import Scale
from local_stack.processes import StackError
from local_stack.testing import TemporaryStack

USERS = 10_000
LIVE = 1000
PEOPLE = 2
QUIET_S = 10
CLEAN = "select public.cleanup_inactive_sessions()"
SWEEP = "select next_deadline_at <= clock_timestamp() from private.run_due()"
# One that came while the rooms are made would find none, and put the next off.
NO_SWEEPS = "update cron.job set active = false"
PICK_ROOM = f"\\set m random(0, {LIVE - 1})\n"


class Cleaning:
    """Each way to clean the same rooms, while people join as one does there."""

    def __init__(self, stack: TemporaryStack, connection: psycopg.Connection, dead: int) -> None:
        self._connection = connection
        self._url = stack.database_url("authenticator")
        self._dead = dead
        connection.execute(NO_SWEEPS)
        self._ours = self._script(stack, "join", "select public.join_session(invite_code => md5('live' || :m));")
        requests = [request.format(room="md5('live' || :m)::uuid") for request in peer.JOIN]
        self._peers = self._script(stack, "join_peer", *requests)

    def ours(self) -> joins.Meanwhile:
        return self._clean("public", lambda: self._connection.execute(CLEAN), self._ours)

    def swept(self) -> joins.Meanwhile:
        return self._clean("public", self._sweep, self._ours)

    def peers(self) -> joins.Meanwhile:
        return self._clean("peer", lambda: self._connection.execute(peer.CLEAN), self._peers)

    def nothing(self) -> joins.Meanwhile:
        self._fill()
        return self._during(lambda: time.sleep(QUIET_S), self._ours)

    def _script(self, stack: TemporaryStack, name: str, *requests: str) -> Path:
        return scripts.write(
            stack.folder / "scripts", name, PICK_ROOM + "".join(scripts.AS_USER % request for request in requests)
        )

    def _sweep(self) -> None:
        while self._connection.execute(SWEEP).fetchone() == (True,):
            pass

    def _clean(self, schema: str, deed: Callable[[], object], script: Path) -> joins.Meanwhile:
        self._fill()
        if schema == "peer":
            self._connection.execute(peer.TABLES)
            self._connection.execute(peer.VACUUM)
        meanwhile = self._during(deed, script)
        left = self._connection.execute(f"select count(*) from {schema}.reading_sessions".encode()).fetchone()
        if left != (LIVE,):
            raise StackError(f"{left} rooms are left of {LIVE} that live.")
        return meanwhile

    def _fill(self) -> None:
        live = rooms.Rooms("live", LIVE, PEOPLE, USERS)
        dead = rooms.Rooms("dead", self._dead, PEOPLE, USERS, "2 hours")
        rooms.clear(self._connection, USERS)
        rooms.add(self._connection, live, dead)

    def _during(self, deed: Callable[[], object], script: Path) -> joins.Meanwhile:
        return joins.during(deed, self._url, script, users=USERS)


def measure(stack: TemporaryStack, scale: Scale) -> Iterator[Row]:
    """Rooms per second beside the plain way, and how long anybody had to wait to join beside no cleaning."""
    with database.connect(stack) as connection:
        cleaning = Cleaning(stack, connection, scale.dead_rooms)
        ways = {"cleaning": cleaning.ours, "sweeping": cleaning.swept, "one DELETE of": cleaning.peers}
        seen: dict[str, list[joins.Meanwhile]] = {name: [] for name in ways}
        quiet = []
        for _ in range(scale.cleanings):
            for name, way in ways.items():
                seen[name].append(way())
            quiet.append(cleaning.nothing())
    speeds = {name: scale.dead_rooms / median(each.took_s for each in all_seen) for name, all_seen in seen.items()}
    plain = speeds["one DELETE of"]
    least = max(each.longest_join_ms for each in quiet)
    for name, speed in speeds.items():
        longest = max(each.longest_join_ms for each in seen[name])
        yield Row(f"{name} {scale.dead_rooms:,} dead rooms vs one DELETE", speed, plain, speed / plain, "rooms/s")
        yield Row("  longest join meanwhile vs no cleaning", longest, least, longest / least, "ms", "< 50 ms")
