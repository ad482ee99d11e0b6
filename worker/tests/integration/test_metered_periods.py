"""Accounting periods and caps, where months differ in length and connections in their time zone."""

import datetime
import uuid

from hypothesis import given, settings
from hypothesis import strategies as st

from worker.tests.integration.metered_calls import fetch, read_clock
from worker.tests.integration.metered_history import History
from worker.tests.integration.metered_periods import DAY, MINUTE, Period, Plan, instant_of, micros
from worker.tests.integration.metered_world import World, add_plan, as_interval

anchors = st.one_of(
    st.datetimes(datetime.datetime(1999, 1, 1), datetime.datetime(2104, 12, 31)),
    st.builds(
        lambda year, month_and_day, time: datetime.datetime(year, *month_and_day, *time),
        st.sampled_from([1999, 2000, 2023, 2024, 2096, 2100]),
        st.sampled_from([(1, 29), (1, 30), (1, 31), (2, 28), (8, 31), (10, 31), (11, 30), (12, 31)]),
        st.sampled_from([(0, 0, 0), (23, 59, 59, 999_999)]),
    ),
    st.sampled_from([datetime.datetime(year, 2, 29, 12) for year in (2000, 2024, 2096)]),
)
periods = st.builds(Period, st.sampled_from([1, 1, 2, 3, 6, 11, 12, 24]), st.sampled_from([0, 0, 0, DAY, 45 * MINUTE]))
zones = st.sampled_from(["UTC", "America/New_York", "Pacific/Apia", "Asia/Kathmandu"])


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(anchor=anchors, period=periods, later=st.integers(0, 40 * 366 * DAY), zone=zones)
def test_periods_are_counted_from_the_anchor_by_the_calendar_of_utc(
    world: World, anchor: datetime.datetime, period: Period, later: int, zone: str
) -> None:
    start = micros(anchor.replace(tzinfo=datetime.UTC))
    boundary = period.bounds(start, start + later)[1]
    world.connection.execute("select set_config('timezone', %s, false)", (zone,))
    for at in (start, start + later, boundary - 1, boundary):
        row = fetch(
            world.connection,
            "select * from private.period_at(%s, %s::interval, %s)",
            *(instant_of(start), as_interval(period), instant_of(at)),
        )[0]
        assert (row["started_at"], row["ends_at"]) == period.bounds(start, at)
    world.connection.execute("set timezone to 'UTC'")


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(anchor=anchors, period=periods, hours=st.integers(1, 32 * 24), zone=zones)
def test_a_cap_takes_the_lengths_of_the_months_into_account(
    world: World, anchor: datetime.datetime, period: Period, hours: int, zone: str
) -> None:
    plan = Plan(f"months-{uuid.uuid4()}", period, hours * 3600)
    add_plan(world.connection, plan)
    user_id = plan.id
    now = read_clock(world.connection)
    anchored_at = min(micros(anchor.replace(tzinfo=datetime.UTC)), now - 1)
    world.connection.execute(
        "insert into public.accounts (user_id, plan_id, period_anchor) values (%s, %s, %s)",
        (user_id, plan.id, instant_of(anchored_at)),
    )
    world.connection.execute("select set_config('timezone', %s, false)", (zone,))
    history = History.of(world, user_id, plan, anchored_at)
    history.call("start_usage_session")
    history.call("stop_usage_session", session_id=history.model.sessions[0].id)
    world.connection.execute("set timezone to 'UTC'")
