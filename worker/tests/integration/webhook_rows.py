"""Endpoints as a back end makes them, what makes notifications, and what is stored of deliveries."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from local_stack.config import Stack
from worker.tests.integration.metered_calls import Person, connect, fetch
from worker.tests.integration.worker_program import wait_until


@dataclass(frozen=True)
class Endpoint:
    id: uuid.UUID
    secret: str


class Backend:
    """An app's back end: has webhooks, and customers who buy. Afterwards it has none."""

    def __init__(self, stack: Stack) -> None:
        self.connection: Connection[dict[str, Any]] = connect(stack.db_url)
        self._service = Person(self.connection, "", role="service_role")
        self.customers: list[str] = []

    def close(self) -> None:
        self.connection.execute("delete from public.webhook_endpoints")
        self.connection.close()

    def endpoint(self, url: str) -> Endpoint:
        query = """insert into public.webhook_endpoints (url, kinds) values (%s, '{purchase_completed}')
            returning id, secret"""
        (row,) = fetch(self.connection, query, url)
        return Endpoint(row["id"], row["secret"])

    def sell(self, count: int = 1) -> list[str]:
        """So many purchases, of somebody new each; the ids of their notifications."""
        customers = [f"customer-{uuid.uuid4()}" for _ in range(count)]
        for customer in customers:
            bought = self._service.call(
                "record_purchase", user_id=customer, credits=5, amount=4, currency="EUR", provider="shop",
                provider_ref=customer, status="completed",
            )  # fmt: skip
            assert bought.sqlstate is None, bought
        self.customers += customers
        query = "select id::text from public.notifications where user_id = any(%s) order by id"
        ids = [row["id"] for row in fetch(self.connection, query, customers)]
        assert len(ids) == count
        return ids

    def erase(self, customer: str) -> None:
        erased = self._service.call("erase_user", user_id=customer)
        assert erased.sqlstate is None, erased

    def replay(self) -> None:
        self.connection.execute("select private.replay_deliveries(1000)")

    def remove(self, endpoint: Endpoint) -> None:
        self.connection.execute("delete from public.webhook_endpoints where id = %s", [endpoint.id])

    def deliveries(self, endpoint: Endpoint) -> Sequence[dict[str, Any]]:
        query = """select d.*, n.delivered_at,
                (extract(epoch from d.next_try_at - clock_timestamp()) * 1000000)::bigint as wait_us
            from private.webhook_deliveries d join public.notifications n on n.id = d.notification_id
            where d.endpoint_id = %s order by d.notification_id"""
        return fetch(self.connection, query, endpoint.id)

    def await_all(self, endpoint: Endpoint, **fields: object) -> Sequence[dict[str, Any]]:
        """Waits until all deliveries of the endpoint are so; answers them."""

        def are_so() -> bool:
            rows = self.deliveries(endpoint)
            return bool(rows) and all(row[name] == value for row in rows for name, value in fields.items())

        wait_until(f"deliveries are {fields}", are_so)
        return self.deliveries(endpoint)

    def hasten(self, endpoint: Endpoint) -> None:
        """What is to be tried later is due now."""
        self.connection.execute(
            """update private.webhook_deliveries set next_try_at = clock_timestamp()
            where endpoint_id = %s and status = 'pending'""",
            [endpoint.id],
        )
