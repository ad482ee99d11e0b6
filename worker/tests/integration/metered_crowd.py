"""Many connections at once, and the serial history that explains what they were answered."""

import copy
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import psycopg

from worker.tests.integration.metered_calls import Answer, Call, Person, Row
from worker.tests.integration.metered_history import History
from worker.tests.integration.metered_model import Model, Refused

PATIENCE_S = 60  # a barrier that somebody does not reach is a failure, not a hang

T = TypeVar("T")
Connection = psycopg.Connection[Row]
Made = list[tuple[Call, Answer]]


class Crowd:
    """Connections that all begin at the same moment."""

    def __init__(self, connections: Sequence[Connection]) -> None:
        self.connections = connections

    def at_once(self, tasks: Sequence[Callable[[Connection], T]]) -> list[T]:
        ready = threading.Barrier(len(tasks))

        def run(own: Callable[[Connection], T], connection: Connection) -> T:
            ready.wait(PATIENCE_S)
            return own(connection)

        with ThreadPoolExecutor(len(tasks)) as threads:
            return list(threads.map(run, tasks, self.connections))

    def call(self, user_id: str, calls: Sequence[Sequence[Call]]) -> Made:
        """Each of so many connections makes its calls for this user, one after the other."""
        return [made for each in self.at_once([task(user_id, own) for own in calls]) for made in each]


def task(user_id: str, calls: Sequence[Call], role: str = "authenticated") -> Callable[[Connection], Made]:
    return lambda connection: [(call, Person(connection, user_id, role).make(call)) for call in calls]


@dataclass
class Moment:
    """The model as one call left it, until the next one changed it and its caller had the answer."""

    began_at: int
    model: Model
    changed_at: int | None = None
    seen_until: int | None = None

    def refuses(self, call: Call, answer: Answer, shift: int) -> bool:
        since = max(self.began_at, answer.before + shift)
        until = min(self.changed_at or answer.after + shift, answer.after + shift)
        return since <= until and any(answer.slug in self.refusals(call, at) for at in (since, until))

    def refusals(self, call: Call, at: int) -> tuple[str, ...]:
        try:
            call.replay(copy.deepcopy(self.model), at, None)
        except Refused as refused:
            return refused.slugs
        return ()

    def shows(self, call: Call, row: Row, history: History, before: int) -> bool:
        """Whether a read, of a snapshot that may be a little older than its clock, saw this."""
        at = row["server_time"] + history.shift
        if at < self.began_at or (self.seen_until is not None and self.seen_until < before + history.shift):
            return False
        model = copy.deepcopy(self.model)
        try:
            return history.fields(row) == model.state(at, call.replay(model, at, None))
        except Refused:
            return False


def only_reads(call: Call, row: Row) -> bool:
    """A heartbeat changes nothing unless the session is active, so it need not wait for what others do meanwhile."""
    is_heartbeat = call.function == "heartbeat_usage_session" or call.arguments.get("active")
    return call.function == "get_usage_state" or bool(is_heartbeat and not row["is_active"])


def replay(history: History, made: Made) -> None:
    """What was answered happened in the order of `server_time`; what was refused or read, somewhere in between."""
    moments = [Moment(history.model.clock, copy.deepcopy(history.model))]
    answered = [(call, answer, answer.row) for call, answer in made if answer.row]
    for call, answer, row in sorted(answered, key=lambda one: one[2]["server_time"]):
        if not only_reads(call, row):
            history.judge_state(call, row, answer)
            moments[-1].changed_at = row["server_time"] + history.shift
            moments[-1].seen_until = answer.after + history.shift
            moments.append(Moment(row["server_time"] + history.shift, copy.deepcopy(history.model)))
    for call, answer, row in answered:
        if only_reads(call, row):
            assert any(moment.shows(call, row, history, answer.before) for moment in moments), (call, answer, moments)
    for call, answer in made:
        if answer.sqlstate is not None:
            assert answer.sqlstate.startswith("PT"), answer
            assert any(moment.refuses(call, answer, history.shift) for moment in moments), (call, answer, moments)
