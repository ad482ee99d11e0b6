"""A history of one user's credits, lived in the database and in the model at once; silences are not slept: all that
the user has is moved into the past instead, and instants here count on as if the time had passed."""

import copy
import datetime
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from worker.tests.integration import credit_rows
from worker.tests.integration.credit_calls import in_terms_of_the_model, replay
from worker.tests.integration.credit_model import CreditModel, Repeated, Unexplained
from worker.tests.integration.credit_parts import CreditPlan, Lot, decimal_of
from worker.tests.integration.credit_world import (
    RATES,
    CreditWorld,
    add_plan,
    check_ledger,
    somebody,
    sweep_until_nothing_is_due,
)
from worker.tests.integration.metered_calls import Answer, Call, Person, Row, read_clock
from worker.tests.integration.metered_model import Refused
from worker.tests.integration.metered_periods import SECOND, Period
from worker.tests.integration.metered_rows import in_order
from worker.tests.integration.metered_world import as_interval

EDGE = 10 * SECOND  # a call this near to a deadline may fall on either side of it


@dataclass
class CreditHistory:
    world: CreditWorld
    user_id: str
    own_plan: CreditPlan
    model: CreditModel
    shift: int = 0
    transcript: list[tuple[Any, ...]] = field(default_factory=list)
    told: list[Row] = field(default_factory=list)  # what credits:changed has to have said, as it was at that time
    is_on_an_edge: bool = False
    last_balance: Row = field(default_factory=dict)

    @classmethod
    def begin(cls, world: CreditWorld, like: CreditPlan) -> "CreditHistory":
        """Of a new user, on a plan of their own that is like this one."""
        user_id = somebody()
        plan = CreditPlan(user_id, like.period, like.credits)
        add_plan(world.connection, plan)
        answer = Person(world.connection, "", "service_role").call("set_account", user_id=user_id, plan_id=plan.id)
        assert answer.row is not None, answer
        model = CreditModel(user_id, plan, answer.row["period_anchor"], RATES, answer.row["version"])
        model.may_settle = True
        history = cls(world, user_id, plan, model)
        history.adopt(answer, [model], "set_account")
        return history

    def __post_init__(self) -> None:
        self.person = Person(self.world.connection, self.user_id)
        self.back_end = Person(self.world.connection, "", "service_role")

    # Steps

    def call(self, function: str, **arguments: Any) -> Answer:
        return self.make(Call(function, arguments))

    def make(self, call: Call) -> Answer:
        answer = self.back_end.make(call)
        self.judge(call, answer)
        self.read()
        self.note(call.function, answer.slug or (answer.row or {}).get("status"), len(answer.rows))
        return answer

    def read(self) -> None:
        """The balance is the model's; its version is learnt where the contract leaves it open."""
        answer = self.person.call("get_credit_balance")
        assert answer.row is not None, answer
        shown = in_terms_of_the_model(answer.row, self.shift)
        grown = 0
        for at in self.instants(answer):
            expected = self.model_at(at).credit_balance(at)
            grown = shown["version"] - expected["version"]
            if {**expected, "version": None} == {**shown, "version": None} and grown in self.model.may_grow:
                break
        else:
            wrong = {name: (shown[name], value) for name, value in expected.items() if shown[name] != value}
            raise Unexplained(f"(answer, model): {wrong}; may grow {self.model.may_grow}; {self.model}")
        self.model.version += grown
        self.model.may_grow = frozenset({0})
        self.last_balance = answer.row
        now = self.read_clock()
        self.is_on_an_edge |= any(abs(deadline - now) < EDGE for deadline in self.model.all_deadlines(now))

    def set_plan(self, plan: CreditPlan) -> None:
        answer = self.back_end.call("set_account", user_id=self.user_id, plan_id=plan.id)
        assert answer.sqlstate is None, answer

        def change(model: CreditModel, at: int) -> None:
            if plan.id != model.plan.id:
                # What the old plan owes is granted a little before the new plan counts.
                model.change_plan(min([lot.created_at for lot in model.fresh], default=at), at, plan)
                model.may_grow = frozenset({0, 1})  # the plan and the credits may be told apart
            else:
                model.may_settle = True

        self.happened(answer, change, "set_account")
        self.note("set_account", plan.credits, plan.period)

    def edit_plan(self, credits: Fraction, period: int | None = None) -> None:
        """The operator edits the plan that (perhaps) this user is on; whether that touches them is left open."""
        before = read_clock(self.world.connection)
        length = self.own_plan.period if period is None else Period(exact=period)
        self.own_plan = CreditPlan(self.own_plan.id, length, credits)
        self.world.connection.execute(
            "update public.plans set credits_per_period = %s, period = %s where id = %s",
            (decimal_of(credits), as_interval(length), self.own_plan.id),
        )
        answer = Answer(before, read_clock(self.world.connection))
        if self.model.plan.id == self.own_plan.id:
            plan = self.own_plan

            def change(model: CreditModel, _: int) -> None:
                model.plan = plan
                model.may_grow = frozenset({0, 1})
                model.may_settle = True

            self.happened(answer, change, "edit_plan")
        self.note("edit_plan", credits, period)

    def start_metered(self) -> None:
        """A metered session, whose end raises the version at its own instant."""
        answer = self.person.call("start_usage_session")
        assert answer.row is not None, answer
        at, until = answer.row["server_time"] + self.shift, answer.row["session_expires_at"] + self.shift
        self.happened(answer, lambda model, _: model.start_metered(at, until), "start_usage_session")
        assert self.model.version == answer.row["version"]
        self.note("start_usage_session")

    def sweep(self) -> None:
        """Until nothing is due; whether that stores the credits of a new period is left open."""
        before = read_clock(self.world.connection)
        sweep_until_nothing_is_due(self.world.connection)
        answer = Answer(before, read_clock(self.world.connection))
        self.model.may_settle = True
        self.adopt(answer, list(self.swept(answer)), "sweep")
        credit_rows.nothing_is_due(self.world.connection, self.user_id, before)
        self.read()
        self.note("sweep")

    def swept(self, answer: Answer) -> Iterator[CreditModel]:
        """Who has lost something is told of what is low now; whether the sweep looks at the others is left open."""
        for at in self.instants(answer):
            model = copy.deepcopy(self.model)
            model.tell_unsettled(at)
            yield model
            if not self.model.has_lost(at):
                yield self.model

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

    def finish(self) -> None:
        self.read()
        credit_rows.check(self.world.connection, self.user_id, self.shift, self.model, self.read_clock())
        for thread_id, used in self.model.threads().items():
            row = self.person.call("get_thread_usage", thread_id=thread_id).row
            assert row is not None
            shown = row["prompt_tokens"], row["completion_tokens"], row["requests"], row["last_used_at"] + self.shift
            assert (Fraction(row["credits"]), *shown) == used
        credit_rows.check_events(self.world.connection, self.user_id, self.told)
        check_ledger(self.world.connection)

    # Judgement

    def read_clock(self) -> int:
        return read_clock(self.world.connection) + self.shift

    def model_at(self, at: int) -> CreditModel:
        """What a read would find then; nothing of it is stored."""
        model = copy.deepcopy(self.model)
        model.is_virtual = True
        model.settle(at)
        return model

    def note(self, *entry: Any) -> None:
        balance = {n: v for n, v in self.last_balance.items() if n not in ("version", "expires_next_at")}
        self.transcript.append((*entry, balance, self.last_balance["version"]))

    def instants(self, answer: Answer, fresh: Sequence[Lot] = ()) -> Iterator[int]:
        """When the call can have happened: as it says itself, else before or after whatever was due meanwhile."""
        before, after = answer.before + self.shift, answer.after + self.shift
        names = "refunded_at", "completed_at", "changed_at", "created_at"
        named = [row.get(name) for row in answer.rows for name in names]
        witnesses = [at + self.shift for at in named if at is not None] + [lot.created_at for lot in fresh]
        deadlines = self.model.deadlines(before)
        yield from dict.fromkeys(at for at in [*witnesses, after, *deadlines, before] if before <= at <= after)

    def fresh_lots(self) -> list[Lot]:
        return [
            lot
            for lot in credit_rows.stored_lots(self.world.connection, self.user_id, self.shift)
            if lot.id not in self.model.lots
        ]

    def judge(self, call: Call, answer: Answer) -> None:
        assert answer.sqlstate is None or answer.sqlstate.startswith("PT"), (call, answer)
        fresh, stored = self.fresh_lots(), credit_rows.stored_period(self.world.connection, self.user_id, self.shift)
        told = credit_rows.told(self.world.connection, self.user_id)
        failures: list[Any] = []
        for at in self.instants(answer, fresh):
            for model in self.possible(at, call, answer, fresh, failures):
                if model.fresh:
                    failures.append(("unexplained lots", model.fresh))
                elif model.period != stored:
                    failures.append(("period", stored, model.period))
                elif in_order(model.told) != told:
                    failures.append(("told", told, model.told))
                else:
                    self.learn(model, at)
                    return
        raise Unexplained(f"{call}\n{answer}\n{failures}\n{self.model}")

    def possible(
        self, at: int, call: Call, answer: Answer, fresh: Sequence[Lot], failures: list[Any]
    ) -> Iterator[CreditModel]:
        """The models in which the call at that instant has this answer."""
        model = copy.deepcopy(self.model)
        model.fresh, model.may_settle, model.may_grow = list(fresh), False, frozenset({0})
        model.is_virtual = answer.row is None  # what is refused stores nothing
        try:
            expected = replay(model, call, self.shift, at, answer.rows)
        except Refused as refused:
            if answer.slug in refused.slugs:
                yield self.untouched(fresh)
            failures.append((at, "refused", refused))
            return
        except Repeated as repeated:
            model, expected = self.untouched(fresh), [repeated]
            model.may_settle = True
        except Unexplained as unexplained:
            failures.append((at, unexplained))
            return
        if len(answer.rows) != len(expected):
            failures.append((at, "answered", len(answer.rows), len(expected)))
            return
        for row, one in zip(answer.rows, expected, strict=True):
            if wrong := self.difference(row, one):
                failures.append((at, "(answer, model)", wrong))
                return
        yield from self.settled_or_not(model, at, failures)

    def difference(self, row: Row, expected: Any) -> dict[str, Any]:
        if isinstance(expected, Repeated):
            return {name: (row[name], first) for name, first in expected.answer.items() if row[name] != first}
        shown = in_terms_of_the_model(row, self.shift)
        return {name: (shown.get(name), value) for name, value in expected.items() if shown.get(name) != value}

    def untouched(self, fresh: Sequence[Lot]) -> CreditModel:
        model = copy.deepcopy(self.model)
        model.fresh, model.may_settle, model.may_grow = list(fresh), False, frozenset({0})
        return model

    def settled_or_not(self, model: CreditModel, at: int, failures: list[Any]) -> Iterator[CreditModel]:
        if model.may_settle:
            settled = copy.deepcopy(model)
            try:
                settled.settle(at)
                settled.version = model.version  # a metered end that is counted and not stored yet, as before
                settled.metered_until = model.metered_until
                yield settled
            except Unexplained as unexplained:
                failures.append((at, unexplained))
        yield model

    def happened(self, answer: Answer, change: Callable[[CreditModel, int], None], what: str) -> None:
        """Of a call whose answer says nothing of the credits."""
        failures: list[Any] = []
        fresh = self.fresh_lots()
        models = []
        for at in self.instants(answer, fresh):
            model = self.untouched(fresh)
            try:
                change(model, at)
            except Unexplained as unexplained:
                failures.append((at, unexplained))
                continue
            models.append(model)
        self.adopt(answer, models, what, failures)
        self.read()

    def adopt(
        self, answer: Answer, models: Sequence[CreditModel], what: str, failures: list[Any] | None = None
    ) -> None:
        """The model that explains what is stored."""
        failures = [] if failures is None else failures
        fresh, stored = self.fresh_lots(), credit_rows.stored_period(self.world.connection, self.user_id, self.shift)
        told = credit_rows.told(self.world.connection, self.user_id)
        for model in models:
            for at in self.instants(answer, fresh):
                if model.may_settle:
                    model.fresh = list(fresh)
                for possible in self.settled_or_not(model, at, failures):
                    if not possible.fresh and possible.period == stored and in_order(possible.told) == told:
                        self.model = possible
                        self.model.may_settle = False
                        return
                    failures.append((at, "lots, period, told", possible.fresh, stored, possible.period, told))
        raise Unexplained(f"{what}\n{answer}\n{failures}\n{self.model}")

    def learn(self, model: CreditModel, at: int) -> None:
        if model.version + min(model.may_grow) > self.model.version_at(at):
            balance = copy.deepcopy(model).credit_balance(at)
            balance["version"] += min(model.may_grow)
            if balance["expires_next_at"] is not None:
                balance["expires_next_at"] -= self.shift
            self.told.append(balance)
        self.model = model
        self.model.may_settle = False
