"""Counting logs, against the barest statement that adds them up."""

import itertools
import time

import psycopg

from benchmarks import logs
from benchmarks.comparison import Comparison, compare

LOGS_PER_USER = 10
TRANSACTIONS = 10
ROLL_UP = "select done_count from private.roll_up_usage({})"
# Into hours of their own, years ahead.
BARE = """
insert into public.usage_hourly (user_id, hour, requests, prompt_tokens, completion_tokens, credits)
select
  user_id, date_trunc('hour', created_at, 'UTC') + %s * interval '10 days', count(*), sum(prompt_tokens),
  sum(completion_tokens), sum(credits)
from public.usage_logs
where xact_id >= (select counted_until from private.rollup_watermark)
group by 1, 2
"""


class Rollups:
    """Logs per second of each way to count so many."""

    def __init__(self, connection: psycopg.Connection, count: int) -> None:
        self._connection = connection
        self._count = count
        self._days = itertools.count(100)

    def compare(self, rounds: int) -> Comparison:
        return compare(self.roll_up, self.bare, rounds)

    def roll_up(self) -> float:
        self._add()
        began = time.perf_counter()
        left = self._count
        while left > 0:
            row = self._connection.execute(ROLL_UP.format(self._count).encode()).fetchone()
            left -= row[0] if row else 0
        return self._count / (time.perf_counter() - began)

    def bare(self) -> float:
        self._add()
        began = time.perf_counter()
        self._connection.execute(BARE, [next(self._days)])
        took_s = time.perf_counter() - began
        self._connection.execute(logs.NO_TAIL)
        return self._count / took_s

    def _add(self) -> None:
        for _ in range(TRANSACTIONS):
            logs.add(self._connection, self._count // LOGS_PER_USER, self._count // TRANSACTIONS)
        self._connection.execute("analyze public.usage_logs")
