"""One user's metered sessions as docs/api.md promises them: a reference model in integers of microseconds."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from worker.tests.integration.metered_periods import SECOND, Interval, Plan

Told = tuple[str, int | None, int, int]  # kind, percent, the period's bounds

PERIODS_SEARCHED = 100  # months differ in length: a cap that this many periods do not reach is never reached


class Refused(Exception):
    """The call raises this slug (one of these where the contract does not rank them) and changes nothing."""

    def __init__(self, *slugs: str) -> None:
        super().__init__(*slugs)
        self.slugs = slugs


@dataclass
class Session:
    id: str
    device: str
    end_token: str | None
    metadata: dict[str, Any]
    started_at: int
    touched_at: int
    status: str = "active"
    paused_at: int | None = None
    ended_at: int | None = None
    intervals: list[Interval] = field(default_factory=list)

    @property
    def is_live(self) -> bool:
        return self.status in ("active", "paused")

    def active_time(self, start: int, end: int) -> int:
        return sum(interval.within(start, end) for interval in self.intervals)


@dataclass
class Model:
    """All calls take the instant at which they happen; a call that is refused leaves the model as it was."""

    plan: Plan
    anchor: int
    session_ttl: int
    paused_session_ttl: int
    clock: int = 0
    warning_percents: tuple[int, ...] = (80, 90, 100)
    told: set[Told] = field(default_factory=set)
    sessions: list[Session] = field(default_factory=list)
    transitions: list[str] = field(default_factory=list)

    @property
    def live(self) -> Session | None:
        return self.sessions[-1] if self.sessions and self.sessions[-1].is_live else None

    def period(self, instant: int) -> tuple[int, int]:
        return self.plan.period.bounds(self.anchor, instant)

    def used(self, instant: int) -> int:
        start, _ = self.period(instant)
        return sum(session.active_time(start, instant) for session in self.sessions)

    def has_reached_limit(self, instant: int) -> bool:
        return self.plan.limit_seconds is not None and self.used(instant) >= self.plan.limit_seconds * SECOND

    # Deadlines

    def expires_at(self, session: Session) -> int:
        if session.paused_at is not None:
            return session.paused_at + self.paused_session_ttl
        return session.touched_at + self.session_ttl

    def cap_at(self, instant: int) -> int | None:
        """When a session that is active at this instant reaches the limit if it stays so; a boundary comes first."""
        if self.plan.limit_seconds is None:
            return None
        limit = self.plan.limit_seconds * SECOND
        start, end = self.period(instant)
        cap = max(instant, instant + limit - self.used(instant))
        for _ in range(PERIODS_SEARCHED):
            if cap < end:
                return cap
            start, end = self.period(end)
            cap = start + limit
        return None

    def deadlines(self) -> Iterator[tuple[int, str]]:
        session = self.live
        if session is None:
            return
        cap = self.cap_at(self.clock) if session.status == "active" else None
        if cap is not None:
            yield cap, "capped"  # first: at one instant the limit was reached, whoever else was silent
        yield self.expires_at(session), "expired"

    def settle(self, now: int) -> None:
        """What is due by now has happened, at its own instant."""
        due = min((d for d in self.deadlines() if d[0] <= now), key=lambda d: d[0], default=None)
        self.reach(due[0] if due else now)
        if due is not None and self.live is not None:
            self.end(self.live, *due)
        self.clock = now

    def end(self, session: Session, at: int, status: str) -> None:
        if session.intervals[-1].ended_at is None:
            session.intervals[-1].ended_at = at
        elif status == "expired":
            at = session.intervals[-1].ended_at
        session.status, session.ended_at, session.end_token = status, at, None
        self.transitions.append(status)

    # What is told

    def thresholds(self) -> Iterator[tuple[str, int | None, int]]:
        """Kinds, percents and the used time from which on they are told."""
        limit = self.plan.limit_seconds
        if not limit:
            return
        for percent in self.warning_percents:
            yield "usage_percent_reached", percent, limit * percent * SECOND // 100
        near = max(limit - self.plan.near_limit_seconds + 1, 0)
        if near <= limit:
            yield "usage_near_limit", None, near * SECOND

    def tell(self, start: int, end: int, used: int) -> None:
        self.told |= {(kind, percent, start, end) for kind, percent, amount in self.thresholds() if amount <= used}

    def reach(self, until: int) -> None:
        """By mere passing of time, in each period that somebody is active in."""
        if self.live is None or self.live.status != "active":
            return
        start, end = self.period(self.clock)
        while True:
            self.tell(start, end, sum(session.active_time(start, min(until, end)) for session in self.sessions))
            if end >= until:
                return
            start, end = self.period(end)

    def next_told(self, now: int) -> list[int]:
        """When the thresholds ahead are reached in this period by somebody who is active all along."""
        _, end = self.period(now)
        instants = [now + amount - self.used(now) for _, _, amount in self.thresholds()]
        return [at for at in instants if now < at < end]

    def tell_now(self, now: int) -> None:
        self.tell(*self.period(now), self.used(now))

    # Calls

    def find(self, session_id: str) -> Session:
        for session in self.sessions:
            if session.id == session_id:
                return session
        raise Refused("session_not_found")

    def check_device(self, session: Session, device: str | None) -> None:
        if device not in (None, session.device):
            raise Refused("session_active_elsewhere")

    def start(
        self, now: int, device: str | None, take_over: bool, metadata: dict[str, Any], fresh: tuple[str, str]
    ) -> Session:
        """`fresh` is the id and the end token that the answer shows; they count where the contract makes new ones."""
        device = device or "default"
        self.settle(now)
        session = self.live
        if session is None:
            if self.has_reached_limit(now):
                raise Refused("usage_limit_reached")
            session = Session(fresh[0], device, fresh[1], metadata, now, now, intervals=[Interval(now)])
            self.sessions.append(session)
            self.transitions.append("created")
            self.tell_now(now)
            return session
        if device == session.device or not take_over:
            return self.go_on(session, now, device)
        if session.status == "paused" and self.has_reached_limit(now):
            raise Refused("usage_limit_reached")
        session.intervals[-1].ended_at = session.intervals[-1].ended_at or now
        self.activate(session, now, "moved")
        session.device, session.end_token = device, fresh[1]
        return session

    def go_on(self, session: Session, now: int, device: str | None) -> Session:
        """The holder of a live session gives a sign of life; a paused one resumes."""
        if session.status == "paused" and self.has_reached_limit(now):
            raise Refused("usage_limit_reached")
        self.check_device(session, device)
        if session.status == "paused":
            self.activate(session, now, "resumed")
        session.touched_at = now
        return session

    def activate(self, session: Session, now: int, how: str) -> None:
        session.status, session.paused_at, session.touched_at = "active", None, now
        session.intervals.append(Interval(now))
        self.transitions.append(how)
        self.tell_now(now)

    def heartbeat(self, now: int, session_id: str, device: str | None) -> Session:
        self.settle(now)
        session = self.find(session_id)
        if session.is_live:
            self.check_device(session, device)
        if session.status == "active":
            session.touched_at = now
        return session

    def pause(self, now: int, session_id: str, device: str | None) -> Session:
        self.settle(now)
        session = self.find_live(session_id)
        self.check_device(session, device)
        if session.status == "active":
            session.status, session.paused_at = "paused", now
            session.intervals[-1].ended_at = now
            self.transitions.append("paused")
        return session

    def resume(self, now: int, session_id: str, device: str | None) -> Session:
        self.settle(now)
        if not self.find(session_id).is_live and self.has_reached_limit(now):
            raise Refused("usage_limit_reached")
        return self.go_on(self.find_live(session_id), now, device)

    def find_live(self, session_id: str) -> Session:
        session = self.find(session_id)
        if not session.is_live:
            raise Refused("session_closed")
        return session

    def stop(self, now: int, session_id: str) -> Session:
        self.settle(now)
        session = self.find(session_id)
        if session.is_live:
            self.end(session, now, "closed")
        return session

    def ping(
        self, now: int, active: bool, session_id: str | None, device: str | None, fresh: tuple[str, str]
    ) -> Session | None:
        self.settle(now)
        session = self.live if session_id is None else self.find(session_id)
        if session is None:
            return self.start(now, device, False, {}, fresh) if active else self.shown(now)
        if not session.is_live:
            return session
        if active:
            return self.go_on(session, now, device)
        self.check_device(session, device)
        return self.stop(now, session.id)

    def end_with_token(self, now: int, end_token: str) -> None:
        self.settle(now)
        session = self.live
        if session is not None and session.end_token == end_token:
            self.end(session, now, "closed")

    def change_plan(self, now: int, plan: Plan, kind: str = "plan changed") -> None:
        self.settle(now)
        if plan == self.plan:
            return
        was_live = self.live is not None
        self.plan = plan
        known = len(self.transitions)
        self.settle(now)
        # To end by it and to have a new plan is one transition.
        self.transitions[known:] = [f"capped by {kind}"] if len(self.transitions) > known else [kind]
        if was_live or kind == "plan changed":  # who has no session hears of an edit with their next
            self.tell_now(now)

    # Answers

    def shown(self, now: int) -> Session | None:
        """The live session, else the latest that ended in this period."""
        self.settle(now)
        start, end = self.period(now)
        ended = [s for s in self.sessions if s.ended_at is not None and start <= s.ended_at < end]
        return self.live or max(ended, key=lambda s: (s.ended_at, s.started_at), default=None)

    def state(self, now: int, session: Session | None) -> dict[str, Any]:
        """A `usage_state` about this session, without `version` and `server_time`."""
        start, end = self.period(now)
        total = self.used(now) // SECOND
        limit = self.plan.limit_seconds
        remaining = None if limit is None else max(limit - total, 0)
        is_active = session is not None and session.status == "active"
        return {
            "session_id": session and session.id,
            "status": session.status if session else "idle",
            "is_active": is_active,
            "time_remaining_seconds": remaining,
            "time_remaining_minutes": None if remaining is None else remaining // 60,
            "total_usage_seconds": total,
            "total_usage_minutes": total // 60,
            "current_session_seconds": session.active_time(self.anchor, now) // SECOND if session else 0,
            "session_started_at": session and session.started_at,
            "session_expires_at": self.expires_at(session) if session and is_active else None,
            "session_cap_at": self.cap_at(now) if is_active else None,
            "is_valid_for_recording": is_active and not self.has_reached_limit(now),
            "has_reached_limit": self.has_reached_limit(now),
            "is_near_limit": remaining is not None and remaining < self.plan.near_limit_seconds,
            "device_id": session and session.device,
            "end_token": session and session.end_token,
            "limit_seconds": limit,
            "period_started_at": start,
            "period_ends_at": end,
        }

    def summaries(self, now: int) -> list[dict[str, Any]]:
        """`list_usage_sessions`, all pages of it."""
        self.settle(now)
        return [
            {
                "id": session.id,
                "status": session.status,
                "device_id": session.device,
                "started_at": session.started_at,
                "ended_at": session.ended_at,
                "active_seconds": session.active_time(self.anchor, now) // SECOND,
                "metadata": session.metadata,
            }
            for session in reversed(self.sessions)
        ]
