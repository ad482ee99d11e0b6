"""A client's offline queue in one call, against a call for each event and against a bare INSERT of as many rows."""

import itertools
import json
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence

import psycopg

from benchmarks import database, rooms, scripts, tracked
from benchmarks.comparison import Comparison, compare
from benchmarks.report import Row
from benchmarks.scale import Scale
from local_stack.testing import TemporaryStack

EVENTS = 1000
AS_USER = "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', %s, true)"
BATCH = "select public.log_session_events(md5(%s)::uuid, %s::jsonb)"
SINGLE = "select public.log_session_event(md5(%s)::uuid, %s, %s::jsonb, %s::uuid)"
# The barest that a client can send: no row is looked up and no JSON taken apart.
INSERT = """
insert into public.session_events (id, session_id, event_type, event_data, occurred_at, created_at)
select e.id, md5(%s)::uuid, e.event_type, e.event_data, clock_timestamp(), clock_timestamp()
from unnest(%s::uuid[], %s::text[], %s::jsonb[]) as e (id, event_type, event_data)
"""

Event = dict[str, object]


class Queues:
    """Events per second of one client that has so many to tell, as it tells them."""

    def __init__(self, client: psycopg.Connection, owner: psycopg.Connection) -> None:
        self._client = client
        self._owner = owner
        self._users = itertools.cycle(database.user_ids(scripts.USERS))

    def batch(self) -> float:
        user_id, queue = next(self._users), json.dumps(_queue())
        began = time.perf_counter()
        self._call(user_id, BATCH, [user_id, queue])
        return EVENTS / (time.perf_counter() - began)

    def singles(self) -> float:
        user_id, queue = next(self._users), _queue()
        began = time.perf_counter()
        for event in queue:
            data = json.dumps(event["event_data"])
            self._call(user_id, SINGLE, [user_id, event["event_type"], data, event["event_id"]])
        return EVENTS / (time.perf_counter() - began)

    def insert(self) -> float:
        user_id, queue = next(self._users), _queue()
        columns = [_array(event[name] for event in queue) for name in ("event_id", "event_type", "event_data")]
        began = time.perf_counter()
        self._owner.execute(INSERT, [user_id, *columns])
        return EVENTS / (time.perf_counter() - began)

    def _call(self, user_id: str, query: str, parameters: Sequence[object]) -> None:
        with self._client.pipeline(), self._client.transaction():
            self._client.execute(AS_USER, [json.dumps({"sub": user_id, "role": "authenticated"})])
            self._client.execute(query.encode(), parameters)


def measure(stack: TemporaryStack, scale: Scale) -> Iterator[Row]:
    """Rows per second of each way to log a thousand events."""
    with (
        database.connect(stack) as connection,
        psycopg.connect(stack.database_url("authenticator"), autocommit=True, prepare_threshold=0) as client,
        psycopg.connect(stack.db_url, autocommit=True, prepare_threshold=0) as owner,
    ):
        rooms.clear(connection, scripts.USERS)
        tracked.start_sessions(connection, scripts.USERS)
        queues = Queues(client, owner)
        singles = compare(queues.batch, queues.singles, scale.rounds)
        yield _row(f"{EVENTS:,} events in a batch vs as many calls", singles, "ratio ≥ 20")
        inserts = compare(queues.batch, queues.insert, scale.batches)
        yield _row(f"{EVENTS:,} events in a batch vs bare INSERT", inserts, "ratio ≥ 0.4")


def _queue() -> list[Event]:
    return [
        {"event_type": "card_drawn", "event_data": {"card": number, "reversed": False}, "event_id": str(uuid.uuid4())}
        for number in range(EVENTS)
    ]


def _array(values: Iterable[object]) -> str:
    """As text, so that no clock counts what a driver takes to make it."""
    texts = (value if isinstance(value, str) else json.dumps(value) for value in values)
    return "{" + ",".join(json.dumps(text) for text in texts) + "}"


def _row(name: str, comparison: Comparison, target: str) -> Row:
    return Row(name, comparison.subject, comparison.baseline, comparison.ratio, "events/s", target)
