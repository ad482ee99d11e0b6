"""Random histories of one user's metered sessions equal the reference model, to the microsecond."""

import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.tests.integration.metered_calls import Person, fetch
from worker.tests.integration.metered_history import History
from worker.tests.integration.metered_periods import HOUR, MINUTE, SECOND, Plan
from worker.tests.integration.metered_world import PLANS, World

NOBODY = "00000000-0000-4000-8000-000000000000"
Step = tuple[Any, ...]

GAP = 80 * SECOND  # between heartbeats, shorter than the TTL


# The shortest period of these plans is two minutes.
DUE: dict[str, tuple[int | None, list[Step]]] = {
    "expired": (150, [("until", "expiry", SECOND)]),
    "capped": (100, [("beats", 1), ("until", "cap", SECOND)]),
    "paused for too long": (150, [("toggle",), ("until", "expiry", SECOND)]),
    "expired after a boundary": (None, [("beats", 2), ("until", "expiry", SECOND)]),
    "expired before a boundary": (None, [("beats", 2), ("until", "expiry", SECOND), ("until", "boundary", SECOND)]),
}
NEXT: list[Step] = [
    ("start", "phone", False),
    ("start", "laptop", True),
    ("heartbeat", "live", "phone"),
    ("pause", "live", "phone"),
    ("resume", "live", "phone"),
    ("stop", "live"),
    ("ping", True, None, "laptop"),
    ("ping", True, "live", "phone"),
    ("ping", False, None, "phone"),
    ("token", "live"),
    ("list", 2),
    ("plan", PLANS[0]),
    ("plan", PLANS[-1]),
    ("limit", 10),
    ("limit", 1000),
]


def often(*weighted: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """One of these, the more often the greater its weight."""
    return st.sampled_from([one for weight, one in weighted for _ in range(weight)]).flatmap(lambda one: one)


devices = st.sampled_from([None, "phone", "phone", "phone", "default", "laptop"])
sessions = st.sampled_from([*["live"] * 12, "first", "foreign", "unknown"])
plans = st.sampled_from(PLANS)
deadlines = st.sampled_from(["expiry", "cap", "cap", "boundary"])
# Around a deadline: well before, so near that the call itself crosses it, and well after.
offsets = st.one_of(
    st.sampled_from([-40 * SECOND, -2 * SECOND, SECOND, SECOND, MINUTE, HOUR]),
    st.integers(-SECOND, SECOND),
    st.integers(-4000, 500),
)
silences = often(
    (3, st.tuples(st.just("silence"), st.integers(1, 80 * SECOND))),
    (1, st.tuples(st.just("silence"), st.sampled_from([2 * MINUTE, HOUR, 25 * HOUR]))),
    (5, st.tuples(st.just("until"), deadlines, offsets)),
    (3, st.tuples(st.just("beats"), st.integers(1, 4))),
)
calls = often(
    (6, st.tuples(st.just("start"), devices, st.booleans())),
    (4, st.tuples(st.just("heartbeat"), sessions, devices)),
    (4, st.tuples(st.just("pause"), sessions, devices)),
    (3, st.tuples(st.just("resume"), sessions, devices)),
    (8, st.tuples(st.just("toggle"))),
    (1, st.tuples(st.just("stop"), sessions)),
    (3, st.tuples(st.just("ping"), st.booleans(), st.one_of(st.none(), sessions), devices)),
    (1, st.tuples(st.just("token"), st.sampled_from(["live", "spent", "unknown"]))),
    (2, st.tuples(st.just("read"))),
    (1, st.tuples(st.just("list"), st.integers(1, 4))),
    (2, st.tuples(st.just("plan"), st.one_of(st.none(), plans))),
    (1, st.tuples(st.just("limit"), st.sampled_from([None, 0, 1, 60, 100, 200]))),
    (4, st.tuples(st.just("sweep"))),
)
start = st.tuples(st.just("start"), devices, st.just(False))
steps = st.builds(
    lambda first, others: [first, *others], start, st.lists(often((2, calls), (1, silences)), min_size=8, max_size=30)
)


def live(world: World, plan: Plan, steps: list[Step], swept: bool) -> History:
    history = History.begin(world, plan)
    for step in steps:
        take(history, *step, swept=swept)
    history.finish()
    return history


def take(history: History, kind: str, *what: Any, swept: bool) -> None:  # noqa: PLR0912 one case a step
    match kind, *what:
        case "silence", lasting:
            history.silence(lasting)
        case "until", deadline, offset:
            history.silence(instant_of_deadline(history, deadline) + offset - history.read_clock())
        case "beats", times:
            for _ in range(times):
                history.silence(GAP)
                history.call("heartbeat_usage_session", session_id=session_id(history, "live"))
        case "start", device, take_over:
            history.call("start_usage_session", device_id=device, take_over=take_over, metadata={"of": device})
        case "heartbeat" | "pause" | "resume", which, device:
            history.call(f"{kind}_usage_session", session_id=session_id(history, which), device_id=device)
        case "toggle", *_:
            session = history.model_at(history.read_clock()).live
            device = session and session.device
            if session is None or session.status == "paused":
                history.call("start_usage_session", device_id=device)
            else:
                history.call("pause_usage_session", session_id=session.id, device_id=device)
        case "stop", which:
            history.call("stop_usage_session", session_id=session_id(history, which))
        case "ping", active, which, device:
            named = which and session_id(history, which)
            history.call("usage_ping", active=active, session_id=named, device_id=device)
        case "token", which:
            spent = history.tokens[0] if history.tokens else NOBODY
            newest = history.tokens[-1] if history.tokens else NOBODY
            history.end_with_token({"live": newest, "spent": spent, "unknown": NOBODY}[which])
        case "read", *_:
            history.call("get_usage_state")
        case "list", page_size:
            history.list_sessions(page_size)
        case "plan", plan:
            history.set_plan(plan or history.own_plan)
        case "limit", limit:
            history.edit_limit(limit)
        case "sweep", *_:
            if swept:
                history.sweep()
        case _:
            raise ValueError(kind)


def session_id(history: History, which: str) -> str:
    known = history.model.sessions
    if which == "foreign":
        return history.world.foreign_session
    if which == "unknown" or not known:
        return NOBODY
    return known[-1 if which == "live" else 0].id


def instant_of_deadline(history: History, deadline: str) -> int:
    now = history.read_clock()
    model = history.model_at(now)
    session = model.live
    if deadline == "boundary" or session is None:
        return model.period(now)[1]
    if deadline == "cap" and session.status == "active":
        return model.cap_at(now) or now
    return model.expires_at(session)


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(plan=plans, steps=steps)
def test_any_history_equals_the_model_swept_or_not(world: World, plan: Plan, steps: list[Step]) -> None:
    live_twice(world, plan, steps)


def live_twice(world: World, plan: Plan, steps: list[Step]) -> None:
    swept, unswept = live(world, plan, steps, swept=True), live(world, plan, steps, swept=False)
    for one, other in zip(swept.transcript, unswept.transcript, strict=False):
        if one[:-1] != other[:-1]:
            break  # a call on the very edge of a deadline fell on its other side: another history
        assert one == other, "a sweep changed the version"


@pytest.mark.parametrize("step", NEXT, ids=[" ".join(str(getattr(part, "id", part)) for part in step) for step in NEXT])
@pytest.mark.parametrize(("limit_seconds", "due"), DUE.values(), ids=DUE)
def test_what_is_due_counts_as_done_in_whatever_comes_next(
    world: World, limit_seconds: int | None, due: list[Step], step: Step
) -> None:
    plan = next(plan for plan in PLANS if plan.limit_seconds == limit_seconds)
    start = ("start", "phone", False)
    live_twice(world, plan, [start, *due, ("sweep",), step, ("read",), start])


def test_a_read_before_the_first_call_is_that_of_a_new_account_and_writes_nothing(world: World) -> None:
    user_id = f"reader-{uuid.uuid4()}"
    row = Person(world.connection, user_id).call("get_usage_state").row
    assert row is not None
    assert (row["status"], row["session_id"], row["total_usage_seconds"], row["version"]) == ("idle", None, 0, 0)
    assert row["period_started_at"] == row["server_time"]
    assert not fetch(world.connection, "select 1 from public.accounts where user_id = %s", user_id)
