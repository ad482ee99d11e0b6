"""Metered sessions under many connections at once: whatever they do happens one after the other."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from worker.tests.integration.metered_calls import Answer, Call, Person, fetch
from worker.tests.integration.metered_crowd import PATIENCE_S, Connection, Crowd, replay
from worker.tests.integration.metered_history import History
from worker.tests.integration.metered_world import PLANS, World

UNLIMITED = next(plan for plan in PLANS if plan.limit_seconds is None)


def starts(device: str | None = None, *, take_over: bool = False) -> Call:
    return Call("start_usage_session", {"device_id": device, "take_over": take_over})


def test_fifty_starts_at_once_make_one_session(world: World, crowd: Crowd) -> None:
    history = History.begin(world, UNLIMITED)
    made = crowd.call(history.user_id, [[starts()]] * 50)
    assert len({answer.row["session_id"] for _, answer in made if answer.row}) == 1
    assert all(answer.row for _, answer in made)
    assert len(world.sessions_of(history.user_id)) == 1
    replay(history, made)
    history.finish()


def test_of_fifty_devices_one_gets_the_session(world: World, crowd: Crowd) -> None:
    history = History.begin(world, UNLIMITED)
    made = crowd.call(history.user_id, [[starts(f"device {n}")] for n in range(50)])
    assert len([answer for _, answer in made if answer.row]) == 1
    assert {answer.slug for _, answer in made if not answer.row} == {"session_active_elsewhere"}
    replay(history, made)
    history.finish()


def test_fifty_take_overs_move_one_session_and_spend_each_token(world: World, crowd: Crowd) -> None:
    history = History.begin(world, UNLIMITED)
    made = crowd.call(history.user_id, [[starts(f"device {n}", take_over=True)] for n in range(50)])
    assert len({answer.row["end_token"] for _, answer in made if answer.row}) == 50
    assert len(world.sessions_of(history.user_id)) == 1
    replay(history, made)
    history.finish()


def test_a_new_user_who_calls_twenty_times_at_once_gets_one_account(world: World, crowd: Crowd) -> None:
    user_id = f"newcomer-{uuid.uuid4()}"
    names = Call("set_account", {"user_id": user_id, "display_name": "New"})
    reads = Call("get_usage_state")

    def task(n: int) -> Callable[[Connection], Answer]:
        if n % 4 == 0:
            return lambda connection: Person(connection, "", "service_role").make(names)
        call = starts() if n % 4 < 3 else reads
        return lambda connection: Person(connection, user_id).make(call)

    answers = crowd.at_once([task(n) for n in range(20)])
    assert [answer for answer in answers if answer.sqlstate] == []
    accounts = fetch(world.connection, "select * from public.accounts where user_id = %s", user_id)
    assert [account["display_name"] for account in accounts] == ["New"]
    started = {answer.row["session_id"] for answer in answers if answer.row and answer.row.get("end_token")}
    assert started == {session["id"] for session in world.sessions_of(user_id)}
    assert len(started) == 1


def pairs_of(session_id: str) -> list[Call]:
    this = {"session_id": session_id, "device_id": "phone"}
    return [
        starts("phone"),
        starts("laptop", take_over=True),
        Call("heartbeat_usage_session", this),
        Call("pause_usage_session", this),
        Call("resume_usage_session", this),
        Call("stop_usage_session", {"session_id": session_id}),
        Call("usage_ping", {"active": True}),
        Call("usage_ping", {"active": True, **this}),
        Call("usage_ping", {"active": False, **this}),
    ]


@pytest.mark.parametrize("first", range(9))
@pytest.mark.parametrize("situation", ["active", "paused", "expiring"])
def test_a_call_that_had_to_wait_judges_what_it_finds(world: World, crowd: Crowd, situation: str, first: int) -> None:
    """One call is open and about to commit when another comes; that one waits, or reads what was before."""
    one, other, *_ = crowd.connections
    for second in range(9):
        history = History.begin(world, UNLIMITED)
        history.call("start_usage_session", device_id="phone")
        session = history.model.sessions[0]
        if situation == "paused":
            history.call("pause_usage_session", session_id=session.id)
        elif situation == "expiring":
            history.silence(world.session_ttl - 20_000)  # expired before the second can go on, unless the first extends
        earlier, later = (pairs_of(session.id)[n] for n in (first, second))
        with ThreadPoolExecutor(1) as thread, Person(one, history.user_id).hold(earlier) as held:
            waiting = thread.submit(Person(other, history.user_id).make, later)
            while not waiting.done() and not is_blocked(world, other):
                pass
            while situation == "expiring" and history.read_clock() < session.touched_at + world.session_ttl:
                pass
        replay(history, [(earlier, held[0]), (later, waiting.result(PATIENCE_S))])
        history.call("get_usage_state")
        history.sweep()


def test_two_plans_that_change_at_once_do_not_wait_for_each_other(world: World, crowd: Crowd) -> None:
    plan_ids = [str(uuid.uuid4()) for _ in range(2)]
    for plan_id in plan_ids:
        world.connection.execute("insert into public.plans (id, name, limit_seconds) values (%s, 'x', 60)", (plan_id,))
        Person(world.connection, plan_id, "service_role").call("set_account", user_id=plan_id, plan_id=plan_id)
        assert Person(world.connection, plan_id).call("start_usage_session").row
    changes = list(zip(crowd.connections, plan_ids, strict=False))
    for connection, plan_id in changes:
        connection.execute("begin")
        connection.execute("set local lock_timeout = '5s'")
        connection.execute("update public.plans set name = 'y' where id = %s", (plan_id,))
    for connection, plan_id in changes:
        connection.execute("update public.plans set limit_seconds = 30 where id = %s", (plan_id,))
    for connection, _ in changes:
        connection.execute("commit")


def is_blocked(world: World, connection: Connection) -> bool:
    return bool(fetch(world.connection, "select pg_blocking_pids(%s) as by", connection.info.backend_pid)[0]["by"])
