"""Clients that never give up: each deed is repeated until the database has answered, as a back end would."""

import json
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import psycopg

from local_stack.config import Stack
from worker.tests.integration.metered_calls import connect
from worker.tests.integration.worker_program import PATIENCE_S, PLAN

PAUSE_S = 0.02
RETRY_S = 0.05
SERVICE = {"role": "service_role"}
CLAIMS = "select set_config('request.jwt.claims', %s, true)"
MAKE_PLAN = "insert into public.plans (id, name, limit_seconds) values (%s, %s, 1) on conflict (id) do nothing"
CHARGE = "select public.record_usage(%s, 1, idempotency_key => %s, overdraft => true)"
SELL = "select public.record_purchase(%s, 5, 4, 'EUR', 'shop', %s, 'completed')"
JOIN = "select public.set_account(%s, plan_id => %s)"
START = "select public.start_usage_session()"


class Load:
    """Charges, purchases and sessions of a second, each kind from a client of its own, until the end of the block."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._stopped = threading.Event()
        self._threads = ThreadPoolExecutor(3)
        self._clients: list[Future[None]] = []
        self.charged = f"charged-{uuid.uuid4()}"
        self.keys: list[str] = []  # of what was answered
        self.customers: list[str] = []
        self.metered: list[str] = []
        self.failure_count = 0

    def __enter__(self) -> Self:
        with connect(self._stack.db_url) as connection:
            connection.execute(MAKE_PLAN, [PLAN, PLAN])
        deeds = (self._charge, self._sell, self._meter)
        self._clients = [self._threads.submit(self._repeat, deed) for deed in deeds]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.finish()

    def finish(self) -> None:
        """Each finishes what it is doing. Raises what a client has met that is no lost connection."""
        self._stopped.set()
        self._threads.shutdown()
        for client in self._clients:
            client.result()

    def has_done(self, count: int) -> bool:
        """Whether every client has done so many deeds."""
        for client in self._clients:
            if client.done():
                client.result()
        return min(map(len, (self.keys, self.customers, self.metered))) >= count

    def _charge(self, client: "_Client", name: str) -> None:
        client.call(SERVICE, CHARGE, self.charged, name)
        self.keys.append(name)

    def _sell(self, client: "_Client", name: str) -> None:
        client.call(SERVICE, SELL, name, name)
        self.customers.append(name)

    def _meter(self, client: "_Client", name: str) -> None:
        client.call(SERVICE, JOIN, name, PLAN)
        try:
            client.call({"sub": name, "role": "authenticated"}, START)
        except psycopg.Error as error:
            if error.diag.message_primary != "usage_limit_reached":
                raise
            # The answer to the start was lost, and the session is over already.
        self.metered.append(name)

    def _repeat(self, deed: Callable[["_Client", str], None]) -> None:
        client = _Client(self._stack.db_url)
        try:
            while not self._stopped.wait(PAUSE_S):
                deed(client, f"client-{uuid.uuid4()}")
        finally:
            self.failure_count += client.failure_count
            client.close()


class _Client:
    """A connection that is made anew after each loss."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[Any] | None = None
        self.failure_count = 0

    def call(self, claims: dict[str, str], query: str, *parameters: str) -> None:
        """Calls until it is answered. Raises what the function refuses."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                self._call(claims, query, parameters)
                return
            except psycopg.OperationalError:  # lost, refused, shutting down or starting up
                assert time.monotonic() < end, "the database does not come back"
                self.failure_count += 1
                self.close()
                time.sleep(RETRY_S)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _call(self, claims: dict[str, str], query: str, parameters: tuple[str, ...]) -> None:
        if self._connection is None:
            self._connection = connect(self._url)
        with self._connection.transaction():
            self._connection.execute(CLAIMS, [json.dumps(claims)])
            self._connection.execute(query.encode(), parameters)
