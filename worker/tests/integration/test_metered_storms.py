"""Storms of calls, sweeps and plan changes on one user's metered sessions: nothing is lost and nothing ends twice."""

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest

from worker.tests.integration import metered_rows
from worker.tests.integration.metered_calls import Call, Person, fetch
from worker.tests.integration.metered_crowd import Connection, Crowd, Made, replay, task
from worker.tests.integration.metered_history import History
from worker.tests.integration.metered_periods import DAY, HOUR, MINUTE, SECOND, Interval
from worker.tests.integration.metered_world import PLANS, World, sweep_until_nothing_is_due

ROUNDS = 12
UNLIMITED = next(plan for plan in PLANS if plan.limit_seconds is None)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_storm_is_some_history_to_the_microsecond(world: World, crowd: Crowd, seed: int) -> None:
    """Calls and sweeps race each other and a deadline; in the order of `server_time` they are the model's history."""
    chance = random.Random(seed)
    history = begin_near_a_deadline(world, chance)
    for _ in range(3):
        session_ids = [session.id for session in history.model.sessions]
        callers = [task(history.user_id, any_calls(chance, session_ids)) for _ in range(12)]
        made = crowd.at_once([*callers, sweep, sweep, sweep])
        replay(history, [one for each in made for one in each])
        history.sweep()
        history.silence(chance.choice([1, 30 * SECOND, 5 * MINUTE]))
        history.call("get_usage_state")
    history.finish()


def begin_near_a_deadline(world: World, chance: random.Random) -> History:
    """A live session that expires, reaches its cap or something to tell within the storm, or nothing at all."""
    history = History.begin(world, chance.choice([plan for plan in PLANS if plan.limit_seconds != 0]))
    history.call("start_usage_session", device_id="phone")
    if chance.random() < 0.2:
        history.call("pause_usage_session", session_id=history.model.sessions[0].id)
    deadline = min(at for at, _ in history.model.deadlines())
    told = history.model.next_told(history.model.clock)
    deadline = chance.choice([deadline, *(at for at in told if at < deadline)])
    if chance.random() < 0.8:
        history.silence(deadline - history.read_clock() - chance.randrange(40_000))
    return history


def any_calls(chance: random.Random, session_ids: Sequence[str]) -> list[Call]:
    return [any_call(chance, chance.choice(session_ids[-2:])) for _ in range(4)]


def any_call(chance: random.Random, session_id: str) -> Call:
    device = chance.choice([None, "phone", "phone", "laptop"])
    known = {"session_id": session_id, "device_id": device}
    return chance.choice(
        [
            Call("start_usage_session", {"device_id": device, "take_over": chance.random() < 0.5}),
            Call("start_usage_session", {"device_id": "phone"}),
            Call("heartbeat_usage_session", known),
            Call("heartbeat_usage_session", {"session_id": session_id}),
            Call("pause_usage_session", known),
            Call("resume_usage_session", known),
            Call("stop_usage_session", {"session_id": session_id}),
            Call("usage_ping", {"active": True, "device_id": device}),
            Call("usage_ping", {"active": False, "device_id": device}),
            Call("usage_ping", {"active": True, **known}),
            Call("get_usage_state"),
        ]
    )


def sweep(connection: Connection) -> Made:
    sweep_until_nothing_is_due(connection)
    return []


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_storm_of_calls_plan_changes_tokens_and_sweeps_loses_nothing(world: World, crowd: Crowd, seed: int) -> None:
    chance = random.Random(1000 + seed)
    history = begin_near_a_deadline(world, chance)
    user_id, own_plan = history.user_id, history.own_plan.id

    def move() -> Call:
        return Call("set_account", {"user_id": user_id, "plan_id": chance.choice([own_plan, chance.choice(PLANS).id])})

    def edit(connection: Connection) -> Made:
        for limit in chance.choices([None, 0, 60, 100, 5000], k=3):
            connection.execute("update public.plans set limit_seconds = %s where id = %s", (limit, own_plan))
        return []

    answers: list[Made] = []
    for _ in range(3):
        live = world.sessions_of(user_id)
        tokens = [session["end_token"] for session in live if session["end_token"]]
        tasks = [task(user_id, any_calls(chance, [session["id"] for session in live])) for _ in range(12)]
        tasks += [task("", [move(), move(), move()], "service_role") for _ in range(2)]
        tasks += [task("", [Call("end_session_with_token", {"end_token": token})], "anon") for token in tokens]
        answers += crowd.at_once(chance.sample([*tasks, edit, sweep, sweep], len(tasks) + 3))
        history.silence(chance.choice([1, 80 * SECOND, 2 * MINUTE]))
    assert [a for each in answers for _, a in each if a.sqlstate and not a.sqlstate.startswith("PT")] == []
    one_story(answers)
    history.silence(DAY + HOUR)
    sweep(world.connection)
    sums_agree(world, user_id)


def one_story(answers: Sequence[Made]) -> None:
    """No connection saw a version go back, no version means two things, and no session ended twice."""
    meanings: dict[int, set[tuple[object, ...]]] = {}
    ends: dict[str, set[tuple[object, ...]]] = {}
    for own in answers:
        rows = [(call, answer.row) for call, answer in own if answer.row and "version" in answer.row]
        versions = [row["version"] for _, row in rows]
        assert versions == sorted(versions)
        for call, row in rows:
            if row.get("status") in ("active", "paused"):
                meaning = tuple(row[name] for name in ("session_id", "status", "device_id", "end_token"))
                meanings.setdefault(row["version"], set()).add(meaning)
            # A read waits for nobody: it may show a deadline that passed while an earlier call was about to commit.
            elif row.get("session_id") is not None and call.function != "get_usage_state":
                ends.setdefault(row["session_id"], set()).add((row["status"], row["current_session_seconds"]))
    assert [seen for seen in [*meanings.values(), *ends.values()] if len(seen) > 1] == []


def sums_agree(world: World, user_id: str) -> None:
    """Every session has ended once, its stretches follow each other, and the totals are their sum."""
    sessions = world.sessions_of(user_id)
    stretches = fetch(
        world.connection,
        "select * from public.usage_intervals where user_id = %s order by started_at, ended_at",
        user_id,
    )
    for session in sessions:
        own = [stretch for stretch in stretches if stretch["session_id"] == session["id"]]
        assert session["ended_at"] is not None
        assert session["active_time"] == sum(stretch["ended_at"] - stretch["started_at"] for stretch in own)
        assert session["started_at"] == own[0]["started_at"]
        assert session["ended_at"] >= own[-1]["ended_at"]
    for one, following in pairwise(stretches):
        assert one["started_at"] <= one["ended_at"] <= following["started_at"]
    metered_rows.check_totals(world.connection, user_id)
    state = Person(world.connection, user_id).call("get_usage_state").row
    assert state is not None
    period = state["period_started_at"], state["period_ends_at"]
    used = sum(Interval(stretch["started_at"], stretch["ended_at"]).within(*period) for stretch in stretches)
    assert state["total_usage_seconds"] == used // SECOND


def test_sweeps_at_once_close_each_session_once_at_its_own_instant(world: World, crowd: Crowd) -> None:
    histories = [History.begin(world, UNLIMITED) for _ in range(30)]
    for history in histories:
        history.call("start_usage_session")
        history.silence(world.session_ttl + SECOND)
        history.call("get_usage_state")
    crowd.at_once([lambda connection: sweep_until_nothing_is_due(connection, batch=4)] * 5)
    for history in histories:
        history.check_rows(history.read_clock())
        history.call("get_usage_state")
