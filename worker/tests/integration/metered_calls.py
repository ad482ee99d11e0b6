"""Calls of the metered-session functions: made by people on a real connection, and replayed on the model."""

import datetime
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from worker.tests.integration.metered_model import Model, Session
from worker.tests.integration.metered_periods import micros

HELPERS = Path(__file__).parents[3] / "supabase/tests/000-helpers.test.sql"

Row = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One function call with its named arguments."""

    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def sql(self) -> str:
        arguments = ", ".join(f"{name} => %s" for name in self.arguments)
        return f"select * from public.{self.function}({arguments})"

    def replay(self, model: Model, at: int, row: Row | None) -> Session | None:
        """Does the same to the model at that instant; the session that the answer is about. Raises Refused."""
        given = self.arguments
        device, session_id = given.get("device_id"), given.get("session_id")
        fresh = (str(row["session_id"]), str(row["end_token"])) if row else ("", "")
        deeds: dict[str, Callable[[], Session | None]] = {
            "get_usage_state": lambda: model.shown(at),
            "start_usage_session": lambda: model.start(
                at, device, given.get("take_over", False), given.get("metadata", {}), fresh
            ),
            "heartbeat_usage_session": lambda: model.heartbeat(at, given["session_id"], device),
            "pause_usage_session": lambda: model.pause(at, given["session_id"], device),
            "resume_usage_session": lambda: model.resume(at, given["session_id"], device),
            "stop_usage_session": lambda: model.stop(at, given["session_id"]),
            "usage_ping": lambda: model.ping(at, given["active"], session_id, device, fresh),
        }
        return deeds[self.function]()


@dataclass(frozen=True)
class Answer:
    """What came back, and the database's clock before and after, in microseconds."""

    before: int
    after: int
    rows: list[Row] = field(default_factory=list)
    sqlstate: str | None = None
    slug: str | None = None

    @property
    def row(self) -> Row | None:
        return self.rows[0] if self.rows else None


class Person:
    """Somebody signed in, on a connection of their own role's making (as PostgREST would)."""

    def __init__(self, connection: psycopg.Connection[Row], user_id: str, role: str = "authenticated") -> None:
        self.connection = connection
        self.role = role
        self.claims = json.dumps({"sub": user_id, "role": role} if role == "authenticated" else {"role": role})

    def call(self, function: str, **arguments: Any) -> Answer:
        return self.make(Call(function, arguments))

    def make(self, call: Call) -> Answer:
        before, rows, sqlstate, slug = 0, [], None, None
        try:
            with self.connection.transaction():
                before = self.sign_in()
                rows = self.execute(call)
        except psycopg.Error as error:
            sqlstate, slug = error.sqlstate or "connection", error.diag.message_primary
        return Answer(before, read_clock(self.connection), rows, sqlstate, slug)

    @contextmanager
    def hold(self, call: Call) -> Iterator[list[Answer]]:
        """The call is made at once and committed at the end; then its answer is in the list."""
        answers: list[Answer] = []
        rows, sqlstate, slug = [], None, None
        self.connection.execute("begin")
        try:
            before = self.sign_in()
            try:
                rows = self.execute(call)
            except psycopg.Error as error:
                sqlstate, slug = error.sqlstate or "connection", error.diag.message_primary
            yield answers
        finally:
            self.connection.execute("commit")  # of a refused call it is a rollback
        answers.append(Answer(before, read_clock(self.connection), rows, sqlstate, slug))

    def sign_in(self) -> int:
        become = "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true), "
        return read_clock(self.connection, become, self.role, self.claims)

    def execute(self, call: Call) -> list[Row]:
        values = [Jsonb(value) if isinstance(value, dict) else value for value in call.arguments.values()]
        return [plain(row) for row in self.connection.execute(call.sql(), values).fetchall()]


def connect(url: str) -> psycopg.Connection[Row]:
    return psycopg.connect(url, autocommit=True, row_factory=dict_row)


def read_clock(connection: psycopg.Connection[Row], beside: str = "select ", *parameters: str) -> int:
    row = connection.execute(f"{beside} clock_timestamp() as clock", parameters).fetchone()
    assert row is not None
    return micros(row["clock"])


def fetch(connection: psycopg.Connection[Row], query: str, *parameters: Any) -> list[Row]:
    return [plain(row) for row in connection.execute(query, parameters).fetchall()]


def plain(row: Row) -> Row:
    """Ids as text, times and durations as microseconds."""
    return {name: plain_value(value) for name, value in row.items()}


def plain_value(value: Any) -> Any:
    match value:
        case uuid.UUID():
            return str(value)
        case datetime.datetime():
            return micros(value)
        case datetime.timedelta():
            return value // datetime.timedelta(microseconds=1)
        case _:
            return value


def install_helpers(connection: psycopg.Connection[Row]) -> None:
    """The helpers that only tests have: `tests.age` moves all that a user has into the past."""
    if not fetch(connection, "select 1 where to_regprocedure('tests.age(text, interval)') is not null"):
        helpers, _, _the_test_of_them = HELPERS.read_text().partition("\nbegin;\n")
        connection.execute(helpers.encode())
