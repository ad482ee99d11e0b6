"""Tracked sessions under many connections at once: one open session, no event lost or doubled, no untyped error."""

import itertools
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from worker.tests.integration.metered_calls import Answer, Call, Person, Row, fetch
from worker.tests.integration.metered_crowd import Connection, Crowd
from worker.tests.integration.metered_world import World

ROUNDS = 10
SWEEP = "select private.end_unseen_user_sessions()"


@pytest.fixture
def user_id() -> str:
    return f"tracked-{uuid.uuid4()}"


def start(world: World, user_id: str) -> Row:
    row = Person(world.connection, user_id).call("start_user_session", app_section="home").row
    assert row is not None
    return row


def sessions(world: World, user_id: str) -> list[Row]:
    return fetch(world.connection, "select * from public.user_sessions where user_id = %s", user_id)


def events(world: World, session_id: str) -> list[Row]:
    return fetch(world.connection, "select * from public.session_events where session_id = %s", session_id)


def of(user_id: str, *calls: Call) -> Callable[[Connection], list[Answer]]:
    return lambda connection: [Person(connection, user_id).make(call) for call in calls]


def back_end(*calls: Call) -> Callable[[Connection], list[Answer]]:
    return lambda connection: [Person(connection, "", "service_role").make(call) for call in calls]


def sweeps(query: str) -> Callable[[Connection], list[Answer]]:
    def sweep(connection: Connection) -> list[Answer]:
        connection.execute(query)
        return []

    return sweep


def refusals(answers: Iterable[list[Answer]]) -> set[str | None]:
    """The slugs; fails for an error that is none of ours."""
    refused = [answer for each in answers for answer in each if answer.sqlstate]
    assert all((answer.sqlstate or "").startswith("PT") for answer in refused), refused
    return {answer.slug for answer in refused}


def test_twenty_starts_at_once_leave_one_open(world: World, crowd: Crowd) -> None:
    user_id = f"newcomer-{uuid.uuid4()}"
    assert refusals(crowd.at_once([of(user_id, Call("start_user_session"))] * 20)) == set()
    rows = sorted(sessions(world, user_id), key=lambda row: (row["session_start"], row["session_end"] or 2**62))
    assert len(rows) == 20
    assert [row["session_end"] is None for row in rows].count(True) == 1
    for earlier, later in itertools.pairwise(rows):
        assert earlier["session_end"] <= later["session_start"]
    assert [len(events(world, row["id"])) for row in rows] == [2] * 19 + [1]


def test_one_event_id_from_twenty_connections_is_one_event(world: World, crowd: Crowd, user_id: str) -> None:
    session, event_id = start(world, user_id), str(uuid.uuid4())
    one = Call("log_session_event", {"session_id": session["id"], "event_type": "x", "event_id": event_id})
    queue = Jsonb([{"event_type": "x", "event_id": event_id}] * 2)
    many = Call("log_session_events", {"session_id": session["id"], "events": queue})
    assert refusals(crowd.at_once([of(user_id, one, many), of(user_id, many, one)] * 10)) == set()
    assert [event["id"] for event in events(world, session["id"]) if event["event_type"] == "x"] == [event_id]


@pytest.mark.parametrize("n", range(ROUNDS))
@pytest.mark.parametrize("ending", ["end", "token", "start", "silence"])
def test_an_end_in_a_storm_loses_and_doubles_nothing(
    world: World, crowd: Crowd, user_id: str, ending: str, n: int
) -> None:
    session = start(world, user_id)
    this = {"session_id": session["id"]}
    ends: dict[str, Any] = {
        "end": of(user_id, Call("end_user_session", this)),
        "token": of(user_id, Call("end_session_with_token", {"end_token": session["end_token"]})),
        "start": of(user_id, Call("start_user_session")),
        "silence": sweeps(SWEEP),
    }
    if ending == "silence":
        fetch(world.connection, "select tests.age(%s, '59 minutes 59.9 seconds')", user_id)
    queue = [{"event_type": "queued", "event_id": str(uuid.uuid4())} for _ in range(20)]
    singles = [Call("log_session_event", {**this, "event_type": "single"}) for _ in range(5)]
    batches = Call("log_session_events", {**this, "events": Jsonb(queue)})
    moves = [Call("update_session_section", {**this, "section": f"section {i % 3}"}) for i in range(5)]
    answers = crowd.at_once(
        [
            ends[ending],
            of(user_id, *[Call("heartbeat_user_session", this)] * 5),
            of(user_id, *singles),
            of(user_id, *singles),
            of(user_id, *moves),
            of(user_id, batches, batches),
            of(user_id, batches),
            ends[ending],
            of(user_id, *[Call("get_user_session_stats")] * 5),
            back_end(Call("cleanup_old_sessions")),
            sweeps(SWEEP),
        ]
    )
    assert refusals(answers) <= {"session_closed"}
    logged = events(world, session["id"])
    answered = [answer.row for each in answers[2:4] for answer in each if answer.row]
    assert len([event for event in logged if event["event_type"] == "single"]) == len(answered)
    assert sorted(event["id"] for event in logged if event["event_type"] == "queued") == sorted(
        event["event_id"] for event in queue
    )
    assert sum(answer.row["log_session_events"] for each in answers[5:7] for answer in each if answer.row) == 20
    moved = [answer.row for answer in answers[4] if answer.row]
    assert len([event for event in logged if event["event_type"] == "section_change"]) <= len(moved)
    kept = next(row for row in sessions(world, user_id) if row["id"] == session["id"])
    finals = [event for event in logged if event["event_type"] == "session_end"]
    assert len(finals) == (kept["session_end"] is not None)
    assert all(event["occurred_at"] <= (kept["session_end"] or 2**62) for event in logged)


def test_weeks_are_made_and_dropped_while_events_come(world: World, crowd: Crowd, user_id: str) -> None:
    session = start(world, user_id)
    fetch(world.connection, "select tests.age(%s, '50 days')", user_id)  # its start is a stray of a week long ago
    session = start(world, user_id)
    queue = [[{"event_type": "x", "event_id": str(uuid.uuid4())} for _ in range(50)] for _ in range(20)]
    calls = [Call("log_session_events", {"session_id": session["id"], "events": Jsonb(own)}) for own in queue]
    loggers = [of(user_id, *calls[i::4]) for i in range(4)]
    cleaners = [back_end(*[Call("cleanup_old_sessions")] * 3) for _ in range(3)]
    assert refusals(crowd.at_once([*loggers, *cleaners])) == set()
    logged = {event["id"] for event in events(world, session["id"]) if event["event_type"] == "x"}
    assert logged == {event["event_id"] for own in queue for event in own}
