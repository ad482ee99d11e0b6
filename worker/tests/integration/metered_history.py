"""A history of one user's metered sessions, lived in the database and in the model at once; silences are not slept:
all that the user has is moved into the past instead, and instants here count on as if the time had passed."""

import copy
import datetime
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from worker.tests.integration import metered_rows
from worker.tests.integration.metered_calls import Answer, Call, Person, Row, fetch, read_clock
from worker.tests.integration.metered_model import Model, Refused, Session
from worker.tests.integration.metered_periods import HOUR, Plan, instant_of
from worker.tests.integration.metered_world import World, add_plan, sweep_until_nothing_is_due

SILENT = frozenset({"limit edited"})  # whether a new limit of the same plan raises the version is left open


@dataclass
class History:
    world: World
    user_id: str
    own_plan: Plan
    model: Model
    shift: int = 0
    version: int = 0
    seen: int = 0
    tokens: list[str] = field(default_factory=list)
    transcript: list[tuple[Any, ...]] = field(default_factory=list)

    @classmethod
    def begin(cls, world: World, like: Plan) -> "History":
        """Of a new user, on a plan of their own that is like this one."""
        user_id = f"model-{uuid.uuid4()}"
        plan = Plan(user_id, like.period, like.limit_seconds, like.near_limit_seconds)
        add_plan(world.connection, plan)
        answer = Person(world.connection, "", "service_role").call("set_account", user_id=user_id, plan_id=plan.id)
        assert answer.row is not None, answer
        anchor = answer.row["period_anchor"]
        assert answer.before <= anchor <= answer.after
        return cls.of(world, user_id, plan, anchor, answer.row["version"])

    @classmethod
    def of(cls, world: World, user_id: str, plan: Plan, anchor: int, version: int = 0) -> "History":
        model = Model(plan, anchor, world.session_ttl, world.paused_session_ttl, anchor)
        return cls(world, user_id, plan, model, version=version)

    def __post_init__(self) -> None:
        self.person = Person(self.world.connection, self.user_id)
        self.anonymous = Person(self.world.connection, "", role="anon")
        self.back_end = Person(self.world.connection, "", role="service_role")

    # Steps

    def call(self, function: str, **arguments: Any) -> None:
        call = Call(function, arguments)
        answer = self.person.make(call)
        if answer.row is None:
            self.judge_refusal(call, answer)
        else:
            self.judge_state(call, answer.row, answer)
        self.note(function, answer.slug or (answer.row or {})["status"])

    def end_with_token(self, end_token: str) -> None:
        answer = self.anonymous.call("end_session_with_token", end_token=end_token)
        assert answer.sqlstate is None, answer
        self.happened_between(answer, lambda model, at: model.end_with_token(at, end_token))
        self.note("end_session_with_token", "")

    def set_plan(self, plan: Plan) -> None:
        answer = self.back_end.call("set_account", user_id=self.user_id, plan_id=plan.id)
        assert answer.sqlstate is None, answer
        self.happened_between(answer, lambda model, at: model.change_plan(at, plan))
        self.note("set_account", plan.limit_seconds)

    def edit_limit(self, limit_seconds: int | None) -> None:
        """The operator edits the plan that (perhaps) this user is on."""
        before = self.read_clock()
        self.own_plan = Plan(self.own_plan.id, self.own_plan.period, limit_seconds, self.own_plan.near_limit_seconds)
        self.world.connection.execute(
            "update public.plans set limit_seconds = %s where id = %s", (limit_seconds, self.own_plan.id)
        )
        if self.model.plan.id == self.own_plan.id:
            plan = self.own_plan
            self.happened_between(
                Answer(before - self.shift, self.read_clock() - self.shift),
                lambda model, at: model.change_plan(at, plan, "limit edited"),
            )
        self.note("edit_limit", limit_seconds)

    def list_sessions(self, page_size: int) -> None:
        cursor: dict[str, Any] = {}
        listed: list[Row] = []
        while True:
            answer = self.person.call("list_usage_sessions", page_size=page_size, **cursor)
            assert answer.sqlstate is None, answer
            possible = [self.model_at(at).summaries(at) for at in self.bracket(answer)]
            for row in answer.rows:
                shown = self.shifted(row, "started_at", "ended_at")
                assert any(shown == entries[len(listed)] for entries in possible), (shown, possible)
                listed.append(row)
            if len(answer.rows) < page_size:
                break
            cursor = {"before": instant_of(answer.rows[-1]["started_at"]), "before_id": answer.rows[-1]["id"]}
        assert len(listed) == len(self.model.sessions)

    def sweep(self) -> None:
        """Until nothing is due; then what is stored is what the model says."""
        before = self.read_clock()
        swept = sweep_until_nothing_is_due(self.world.connection)
        deadline = swept["next_deadline_at"]
        self.check_rows(before, self.read_clock())
        own = min((at for at, _ in self.model_at(swept["clock"] + self.shift).deadlines()), default=None)
        assert own is None or (deadline is not None and deadline + self.shift <= own), (deadline, own)

    def silence(self, lasting: int) -> None:
        """So many microseconds in which nobody calls."""
        if lasting <= 0:
            return
        connection = self.world.connection
        with connection.transaction():
            # First, so that a sweep under way has finished before `age` locks the tables that it needs.
            connection.execute("select from public.accounts where user_id = %s for update", (self.user_id,))
            connection.execute("select tests.age(%s, %s)", (self.user_id, datetime.timedelta(microseconds=lasting)))
        self.shift += lasting

    # Judgement

    def read_clock(self) -> int:
        return read_clock(self.world.connection) + self.shift

    def bracket(self, answer: Answer) -> tuple[int, int]:
        return answer.before + self.shift, answer.after + self.shift

    def model_at(self, at: int) -> Model:
        model = copy.deepcopy(self.model)
        model.settle(at)
        return model

    def shifted(self, row: Row, *names: str) -> Row:
        return {
            name: value + self.shift if name in names and value is not None else value for name, value in row.items()
        }

    def judge_refusal(self, call: Call, answer: Answer) -> None:
        assert answer.sqlstate is not None
        assert answer.sqlstate.startswith("PT"), answer
        possible: set[str] = set()
        for at in self.bracket(answer):
            try:
                call.replay(copy.deepcopy(self.model), at, None)
                possible.add("an answer")
            except Refused as refused:
                possible.update(refused.slugs)
        assert answer.slug in possible, (call, answer, possible)

    def judge_state(self, call: Call, row: Row, answer: Answer) -> None:
        at = row["server_time"] + self.shift
        before, after = self.bracket(answer)
        assert before <= at <= after
        known = len(self.model.transitions)
        try:
            session = call.replay(self.model, at, row)
        except Refused as refused:
            raise AssertionError(f"{call} should be {refused}, not {row}") from refused
        if "created" in self.model.transitions[known:] or "moved" in self.model.transitions[known:]:
            assert row["end_token"] not in self.tokens
        self.compare_state(self.model, at, row, session)
        self.version = row["version"]
        self.seen = len(self.model.transitions)
        if row["end_token"] is not None and row["end_token"] not in self.tokens:
            self.tokens.append(row["end_token"])

    def fields(self, row: Row) -> Row:
        """What the model has to say of a `usage_state`."""
        times = "session_started_at", "session_expires_at", "session_cap_at", "period_started_at", "period_ends_at"
        shown = self.shifted(row, *times)
        return {name: value for name, value in shown.items() if name not in ("server_time", "version")}

    def compare_state(self, model: Model, at: int, row: Row, session: Session | None) -> None:
        shown = self.fields(row)
        expected = model.state(at, session)
        assert shown.keys() == expected.keys()
        wrong = {name: (shown[name], value) for name, value in expected.items() if shown[name] != value}
        assert not wrong, f"(answer, model): {wrong}; {row}; {model}"
        news = model.transitions[self.seen :]
        grown = row["version"] - self.version
        assert grown >= len([kind for kind in news if kind not in SILENT]), (grown, news)
        assert news or grown == 0, f"version grew by {grown} without a transition"

    def happened_between(self, answer: Answer, change: Callable[[Model, int], None]) -> None:
        """Of a call whose answer has no `server_time`: its instant is one that explains the state afterwards."""
        before, after = self.bracket(answer)
        stored = fetch(
            self.world.connection,
            "select ended_at, cap_at from public.usage_sessions where user_id = %s order by started_at desc limit 1",
            self.user_id,
        )
        witnesses = [value + self.shift for row in stored for value in row.values() if value is not None]
        read = self.person.call("get_usage_state")
        assert read.row is not None
        at = read.row["server_time"] + self.shift
        failure: AssertionError | None = None
        for instant in [*(w for w in witnesses if before <= w <= after), after, before]:
            model = copy.deepcopy(self.model)
            change(model, instant)
            try:
                self.compare_state(model, at, read.row, model.shown(at))
            except AssertionError as difference:
                failure = failure or difference
                continue
            self.model, self.version = model, read.row["version"]
            self.seen = len(model.transitions)
            return
        assert failure is not None
        raise failure

    def note(self, *entry: Any) -> None:
        self.transcript.append((*entry, tuple(self.model.transitions), self.version))

    def check_rows(self, *instants: int) -> None:
        possible = [self.model_at(at) for at in instants]
        metered_rows.check(self.world.connection, self.user_id, self.shift, possible)

    def finish(self) -> None:
        """Nobody calls any more until all is over; then what is stored is exact too."""
        self.silence(30 * HOUR)
        self.call("get_usage_state")
        self.sweep()
        metered_rows.check_warnings(self.world.connection, self.user_id)
