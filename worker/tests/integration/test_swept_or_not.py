"""Random histories of rooms and tracked sessions answer the same with a sweep before each step and with none."""

import random
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest

from worker.tests.integration.metered_calls import Call, Person, Row, fetch
from worker.tests.integration.metered_world import World

HISTORIES = 20
STEPS = 20
MINUTE = 60_000_000
TIMES = ["30 minutes", "59 minutes", "1 hour", "2 hours", "1 day", "31 days", "89 days", "90 days", "100 days"]
TIMEOUTS = ["10 minutes", "1 hour", "2 hours", "3 days"]
RETENTIONS = ["2 hours", "90 days", "1 year"]
SWEEPS = [
    "select * from private.run_due(100)",
    "update private.job_runs set next_run_at = '-infinity' returning 1",
    "select * from private.run_due(100)",
    "select private.end_unseen_user_sessions()",
    "select private.remove_old_user_sessions()",
    "select private.roll_up_sessions(100)",
]
IDS = {"id", "session_id", "end_token", "log_session_event", "metadata", "average_seconds", "section_seconds"}
EVENTS = """select event, topic like 'user:%%' as to_user, payload ->> 'reason' as reason, count(*) as n
    from realtime.messages where inserted_at >= now() and event like any('{session:e%%,participant:%%,room:%%}')
    and event <> 'session:expiring' group by 1, 2, 3 order by 1, 2, 3"""


@dataclass
class Play:
    """One history, in a transaction that is rolled back. The same chance makes the same steps."""

    world: World
    chance: random.Random
    is_swept: bool
    people: list[str] = field(default_factory=lambda: [f"{name}-{uuid.uuid4()}" for name in "abcde"])
    rooms: list[Row] = field(default_factory=list)
    sessions: list[Row] = field(default_factory=list)

    def run(self) -> list[Any]:
        with self.world.connection.transaction(force_rollback=True):
            answers = []
            for _ in range(STEPS):
                if self.is_swept:
                    self.sweep()
                answers.append(self.step())
            answers += [self.probe(call) for call in self.probes()]
            self.sweep()
            return [*answers, fetch(self.world.connection, EVENTS)]

    def sweep(self) -> None:
        for query in SWEEPS:
            fetch(self.world.connection, query)

    def step(self) -> Any:
        pick = self.chance.random()
        if pick < 0.25:
            by = self.chance.choice(TIMES)
            for room in self.rooms:
                fetch(self.world.connection, "select tests.age_room(%s, %s::text::interval)", room["id"], by)
            for person in self.people:
                fetch(self.world.connection, "select tests.age(%s, %s::text::interval)", person, by)
            return by
        if pick < 0.35:
            chosen = self.chance.choice(TIMEOUTS), self.chance.choice(RETENTIONS)
            change = "update private.settings set (session_timeout, session_retention) = (%s, %s) returning 1"
            fetch(self.world.connection, change, *chosen)
            return chosen
        answer = self.make(self.chance.choice(self.people), self.chance.choice(self.deeds()))
        if answer.row and "invite_code" in answer.row:
            self.rooms.append(answer.row)
        elif answer.row and "session_start" in answer.row and answer.row["session_end"] is None:
            self.sessions.append(answer.row)
        return self.shown(answer)

    def deeds(self) -> list[Call]:
        create = Call("create_reading_session", {"max_participants": 3})
        start = Call("start_user_session", {"app_section": self.chance.choice("ab")})
        return [create, start, start, *self.in_room(), *self.in_session(), *self.in_session()]

    def in_room(self) -> list[Call]:
        if not self.rooms:
            return []
        room, whom = self.chance.choice(self.rooms), self.chance.choice(self.people)
        this = {"session_id": room["id"]}
        names = ["touch_presence", "leave_session", "end_reading_session", "list_participants", "check_session_expiry"]
        return [
            Call("join_session", {"invite_code": room["invite_code"]}),
            Call("join_session", {**this, "access_method": "direct"}),
            Call("remove_participant", {**this, "participant_user_id": whom}),
            *[Call(name, this) for name in names],
        ]

    def in_session(self) -> list[Call]:
        if not self.sessions:
            return []
        this = {"session_id": self.chance.choice(self.sessions)["id"]}
        return [
            Call("heartbeat_user_session", this),
            Call("update_session_section", {**this, "section": self.chance.choice("abc")}),
            Call("log_session_event", {**this, "event_type": "x"}),
            Call("end_user_session", this),
        ]

    def probes(self) -> list[tuple[str, Call]]:
        stats = [Call("get_user_session_stats", {"days_back": days}) for days in (1, 89, 365)]
        calls = [call for _ in range(4) for call in [*self.in_room(), *self.in_session()]]
        return [(person, call) for person in self.people for call in [*stats, *calls]]

    def probe(self, asked: tuple[str, Call]) -> Any:
        with self.world.connection.transaction(force_rollback=True):
            return asked[1].function, self.shown(self.make(*asked))

    def make(self, person: str, call: Call) -> Any:
        answer = Person(self.world.connection, person).make(call)
        fetch(self.world.connection, "select tests.sign_out()")
        return answer

    def shown(self, answer: Any) -> Any:
        """Without ids, and with times as whole minutes of age."""
        return answer.slug, [
            {name: self.plain(name, value, answer.before) for name, value in row.items() if name not in IDS}
            for row in answer.rows
        ]

    def plain(self, name: str, value: Any, now: int) -> Any:
        if isinstance(value, int) and value > 10**15:
            return round((now - value) / MINUTE)
        if name.endswith("_seconds") and value is not None:
            return value // 60
        if name in {"user_id", "host_id"}:
            return value[0]
        return None if name in {"topic", "invite_code"} else value


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_no_answer_depends_on_a_sweep(world: World, seed: int) -> None:
    unswept, swept = (Play(world, random.Random(seed), is_swept).run() for is_swept in (False, True))
    assert unswept == swept
