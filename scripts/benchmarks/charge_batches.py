"""A back end's queue of usage in one call, against a call for each and against a bare INSERT of as many logs."""

import itertools
import json
import time
import uuid
from collections.abc import Iterator, Sequence

import psycopg

from benchmarks import database, ledger
from benchmarks.comparison import Comparison, compare
from benchmarks.report import Row
from benchmarks.scale import Scale
from local_stack.testing import TemporaryStack

CHARGES = 1000
ACCOUNTS = 1000
USERS = 100  # of a batch, each with one thread
AS_SERVICE = """
select set_config('role', 'service_role', true), set_config('request.jwt.claims', '{"role":"service_role"}', true)
"""
BATCH = "select * from public.record_usage_batch(%s::jsonb)"
SINGLE = """
select public.record_usage(
  user_id => %(user_id)s, credits => %(credits)s::numeric, model => %(model)s,
  prompt_tokens => %(prompt_tokens)s::integer, completion_tokens => %(completion_tokens)s::integer,
  thread_id => %(thread_id)s
)
"""
# The barest that a back end can send: nothing is charged, and no JSON taken apart.
INSERT = """
insert into public.usage_logs (
  id, user_id, thread_id, kind, model, prompt_tokens, completion_tokens, credits, metadata, created_at
)
select gen_random_uuid(), e.user_id, e.thread_id, 'completion', 'large', 1000, 200, 1.25, '{}', clock_timestamp()
from unnest(%s::text[], %s::text[]) as e (user_id, thread_id)
"""

Charge = dict[str, object]


class Queues:
    """Charges per second of a back end that has so many to record, as it records them."""

    def __init__(self, client: psycopg.Connection, owner: psycopg.Connection) -> None:
        self._client = client
        self._owner = owner
        self._firsts = itertools.cycle(range(0, ACCOUNTS, USERS))

    def batch(self) -> float:
        return self._batch(_queue(next(self._firsts)))

    def batch_with_keys(self) -> float:
        return self._batch([each | {"idempotency_key": str(uuid.uuid4())} for each in _queue(next(self._firsts))])

    def singles(self) -> float:
        queue = _queue(next(self._firsts))
        began = time.perf_counter()
        for each in queue:
            self._call(SINGLE, each)
        return CHARGES / (time.perf_counter() - began)

    def insert(self) -> float:
        queue = _queue(next(self._firsts))
        # As text, so that no clock counts what a driver takes to make it.
        columns = ["{" + ",".join(str(each[name]) for each in queue) + "}" for name in ("user_id", "thread_id")]
        began = time.perf_counter()
        self._owner.execute(INSERT, columns)
        return CHARGES / (time.perf_counter() - began)

    def _batch(self, queue: list[Charge]) -> float:
        entries = json.dumps(queue)
        began = time.perf_counter()
        self._call(BATCH, [entries])
        return CHARGES / (time.perf_counter() - began)

    def _call(self, query: str, parameters: Sequence[object] | Charge) -> None:
        with self._client.pipeline(), self._client.transaction():
            self._client.execute(AS_SERVICE)
            self._client.execute(query.encode(), parameters)


def measure(stack: TemporaryStack, scale: Scale) -> Iterator[Row]:
    """Logs per second of each way to record a thousand charges."""
    with (
        database.connect(stack) as connection,
        psycopg.connect(stack.database_url("authenticator"), autocommit=True, prepare_threshold=0) as client,
        psycopg.connect(stack.db_url, autocommit=True, prepare_threshold=0) as owner,
    ):
        ledger.give(connection, ACCOUNTS)
        queues = Queues(client, owner)
        singles = compare(queues.batch, queues.singles, scale.rounds)
        yield _row(f"{CHARGES:,} charges in a batch vs as many calls", singles, "ratio ≥ 15")
        inserts = compare(queues.batch, queues.insert, scale.batches)
        yield _row(f"{CHARGES:,} charges in a batch vs bare INSERT of logs", inserts, "ratio ≥ 0.3")
        keys = compare(queues.batch_with_keys, queues.insert, scale.batches)
        yield _row("  each with a key", keys, "")


def _queue(first: int) -> list[Charge]:
    return [
        {
            "user_id": f"u{first + 1 + number % USERS}",
            "credits": 1.25,
            "model": "large",
            "prompt_tokens": 1000,
            "completion_tokens": 200,
            "thread_id": f"thread{number % USERS}",
        }
        for number in range(CHARGES)
    ]


def _row(name: str, comparison: Comparison, target: str) -> Row:
    return Row(name, comparison.subject, comparison.baseline, comparison.ratio, "logs/s", target)
