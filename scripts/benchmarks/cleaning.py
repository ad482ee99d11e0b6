"""Dead rooms that are removed while people join live ones, against the plain way on the same data."""

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
CLEAN = "select public.cleanup_inactive_sessions()"
SWEEP = "select next_deadline_at <= clock_timestamp() from private.run_due()"
PICK_ROOM = f"\\set m random(0, {LIVE - 1})\n"


class Cleaning:
    """Each way to clean the same rooms, while people join as one does there."""

    def __init__(self, stack: TemporaryStack, connection: psycopg.Connection, dead: int) -> None:
        self._connection = connection
        self._url = stack.database_url("authenticator")
        self._dead = dead
        self._ours = self._script(stack, "join", "select public.join_session(invite_code => md5('live' || :m));")
        requests = [request.format(room="md5('live' || :m)::uuid") for request in peer.JOIN]
        self._peers = self._script(stack, "join_peer", *requests)

    def ours(self) -> joins.Meanwhile:
        return self._clean("public", lambda: self._connection.execute(CLEAN), self._ours)

    def swept(self) -> joins.Meanwhile:
        return self._clean("public", self._sweep, self._ours)

    def peers(self) -> joins.Meanwhile:
        return self._clean("peer", lambda: self._connection.execute(peer.CLEAN), self._peers)

    def nothing(self, seconds: float) -> joins.Meanwhile:
        return self._during(lambda: self._connection.execute("select pg_sleep(%s)", [seconds]), self._ours)

    def _script(self, stack: TemporaryStack, name: str, *requests: str) -> Path:
        return scripts.write(
            stack.folder / "scripts", name, PICK_ROOM + "".join(scripts.AS_USER % request for request in requests)
        )

    def _sweep(self) -> None:
        while self._connection.execute(SWEEP).fetchone() == (True,):
            pass

    def _clean(self, schema: str, deed: Callable[[], object], script: Path) -> joins.Meanwhile:
        rooms.clear(self._connection, USERS)
        rooms.add(
            self._connection,
            rooms.Rooms("live", LIVE, PEOPLE, USERS),
            rooms.Rooms("dead", self._dead, PEOPLE, USERS, "2 hours"),
        )
        if schema == "peer":
            self._connection.execute(peer.TABLES)
            self._connection.execute(peer.VACUUM)
        meanwhile = self._during(deed, script)
        left = self._connection.execute(f"select count(*) from {schema}.reading_sessions".encode()).fetchone()
        if left != (LIVE,):
            raise StackError(f"{left} rooms are left of {LIVE} that live.")
        return meanwhile

    def _during(self, deed: Callable[[], object], script: Path) -> joins.Meanwhile:
        return joins.during(deed, self._url, script, users=USERS)


def measure(stack: TemporaryStack, scale: Scale) -> Iterator[Row]:
    """Rooms per second, and how long anybody had to wait to join, beside the plain way and beside no cleaning."""
    with database.connect(stack) as connection:
        cleaning = Cleaning(stack, connection, scale.dead_rooms)
        ours, swept, peers, nothing = [], [], [], []
        for _ in range(scale.cleanings):
            ours.append(cleaning.ours())
            nothing.append(cleaning.nothing(ours[-1].took_s))
            swept.append(cleaning.swept())
            peers.append(cleaning.peers())
    dead = f"{scale.dead_rooms:,} dead rooms"
    for name, seen in ((f"cleaning {dead}", ours), (f"sweeping {dead}", swept)):
        measured, baseline = (scale.dead_rooms / median(each.took_s for each in way) for way in (seen, peers))
        yield Row(f"{name} vs one DELETE", measured, baseline, measured / baseline, "rooms/s")
        for other, way in (("one DELETE", peers), ("no cleaning", nothing)):
            measured, baseline = (max(each.longest_join_ms for each in ways) for ways in (seen, way))
            yield Row(f"  longest join meanwhile vs {other}", measured, baseline, measured / baseline, "ms", "< 50 ms")
            measured, baseline = (median(each.joins_per_second for each in ways) for ways in (seen, way))
            yield Row(f"  joins meanwhile vs {other}", measured, baseline, measured / baseline, "/s")
