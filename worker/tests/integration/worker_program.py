"""Workers as real processes, and sessions for them to close."""

import datetime
import json
import signal
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from local_stack.config import Stack
from local_stack.testing import Program
from worker.tests.integration.metered_calls import Person, connect, fetch

POLL_S = 0.02
PATIENCE_S = 60.0  # far beyond what anything takes: a test that hangs says what it waited for
PLAN = "a second"

Event = dict[str, Any]


def wait_until(what: str, is_so: Callable[[], bool]) -> None:
    """Returns when it is so; fails when it takes absurdly long."""
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(POLL_S)


class Worker(Program):
    """`hourglass run`, and what it has said."""

    def __init__(self, stack: Stack, folder: Path, **env: str) -> None:
        own = {
            "DATABASE_URL": stack.worker_db_url,
            "SUPABASE_URL": stack.api_url,
            "SUPABASE_SERVICE_ROLE_KEY": stack.service_role_key,
            "SUPABASE_ANON_KEY": stack.anon_key,
            "HTTP_PORT": "0",  # several run at once
            "LOG_FORMAT": "json",
        }
        super().__init__(["worker", "run"], folder / f"worker-{uuid.uuid4().hex[:8]}.log", {**own, **env})
        self._heard = 0

    def run(self, running: ExitStack) -> Self:
        """Starts it, until the stack of what runs is unwound."""
        running.callback(self.stop, signal.SIGKILL)
        self.start()
        return self

    def said(self) -> list[Event]:
        text = self.log.read_text() if self.log.exists() else ""
        lines = text[: text.rfind("\n") + 1].splitlines()  # one may be half written
        return [json.loads(line) for line in lines if line.startswith("{")]

    def hear(self, event: str, **fields: str) -> Event:
        """The next such event after the last one heard; waits for it."""
        found: list[Event] = []

        def is_said() -> bool:
            said = self.said()
            for number, entry in enumerate(said[self._heard :], self._heard):
                if entry["event"] == event and all(text in str(entry.get(name)) for name, text in fields.items()):
                    self._heard = number + 1
                    found.append(entry)
                    return True
            return False

        try:
            wait_until(f"the worker says {event} {fields or ''}", is_said)
        except AssertionError as error:
            raise AssertionError(f"{error}; it said:\n{self.log.read_text()}") from None
        return found[0]

    def hear_all(self, *events: str) -> None:
        """Waits for all of them, in whatever order they come."""
        start, furthest = self._heard, self._heard
        for event in events:
            self._heard = start
            self.hear(event)
            furthest = max(furthest, self._heard)
        self._heard = furthest


class Clients:
    """Somebody for each session; the sessions reach their cap a second after they start."""

    def __init__(self, stack: Stack) -> None:
        self._connection = connect(stack.db_url)
        self._connection.execute(
            "insert into public.plans (id, name, limit_seconds) values (%s, %s, 1) on conflict (id) do nothing",
            [PLAN, PLAN],
        )

    def close(self) -> None:
        self._connection.close()

    def start(self) -> str:
        """Starts a session with a second to live, for somebody new; returns who."""
        user_id = str(uuid.uuid4())
        made = Person(self._connection, "", role="service_role").call("set_account", user_id=user_id, plan_id=PLAN)
        assert made.sqlstate is None, made
        started = Person(self._connection, user_id).call("start_usage_session")
        assert started.sqlstate is None, started
        return user_id

    def await_cap(self, user_id: str) -> None:
        """Waits until the session has reached its cap, whether or not that is stored."""
        person = Person(self._connection, user_id)

        def is_capped() -> bool:
            state = person.call("get_usage_state").row
            return state is not None and state["status"] == "capped"

        wait_until("the session is capped", is_capped)

    def is_stored(self, user_id: str) -> bool:
        """Whether the end of the session is stored, not only due."""
        query = "select from public.usage_sessions where user_id = %s and ended_at is not null"
        return bool(fetch(self._connection, query, user_id))

    def lateness(self, user_id: str) -> datetime.timedelta:
        """Waits until the end of the session is stored; how long after its cap that was, by the database's clock."""
        wait_until("the session's end is stored", lambda: self.is_stored(user_id))
        query = """select a.changed_at - s.ended_at as lateness
            from public.usage_sessions as s inner join public.accounts as a using (user_id) where user_id = %s"""
        row = self._connection.execute(query, [user_id]).fetchone()
        assert row is not None
        lateness: datetime.timedelta = row["lateness"]
        return lateness

    def hold(self) -> str:
        """Holds credits for a second, for somebody new; returns who."""
        user_id = str(uuid.uuid4())
        service = Person(self._connection, "", role="service_role")
        for deed in (
            service.call("grant_credits", user_id=user_id, credits=1),
            service.call("hold_credits", user_id=user_id, credits=1, ttl=datetime.timedelta(seconds=1)),
        ):
            assert deed.sqlstate is None, deed
        return user_id

    def hold_lateness(self, user_id: str) -> datetime.timedelta:
        """Waits until the end of the hold is stored; how long after it the user was told, by the database's clock."""
        query = """select (m.payload ->> 'at')::timestamptz - h.expires_at as lateness
            from public.credit_holds as h
            inner join realtime.messages as m on m.topic = 'user:' || h.user_id and m.event = 'credits:changed'
            where h.user_id = %s and h.status = 'expired' order by lateness desc limit 1"""
        wait_until("the hold's end is stored", lambda: bool(fetch(self._connection, query, user_id)))
        row = self._connection.execute(query, [user_id]).fetchone()
        assert row is not None
        lateness: datetime.timedelta = row["lateness"]
        return lateness

    def backends(self) -> int:
        """How many connections workers have."""
        query = "select count(*) as count from pg_stat_activity where application_name = 'hourglass-worker'"
        return int(fetch(self._connection, query)[0]["count"])
