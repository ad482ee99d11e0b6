"""What Prometheus may ask: counts since the start, and how things stand."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from worker.jobs import Sweep

SWEEP_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
ANSWER_BUCKETS_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """All of them, in a registry of their own. Durations are in seconds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        ProcessCollector(registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"hourglass_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"hourglass_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"hourglass_{name}", text, labels, buckets=buckets, registry=registry)

        self.sweeps = counter("sweeps", "Sweeps that this worker ran")
        self.sweep_failures = counter("sweep_failures", "Sweeps that failed")
        self.done = counter("sweeps_done", "What sweeps ended, expired, booked or counted")
        self.sweep_duration = histogram("sweep_duration_seconds", "How long a sweep took", SWEEP_BUCKETS_S)
        self.deadline_lag = gauge("deadline_lag_seconds", "How long the most overdue deadline is due; 0 in time")
        self.leader = gauge("leader", "1 while this worker leads")
        self.database_up = gauge("database_up", "1 if the database answered at this look")
        self.outbox_pending = gauge("outbox_pending", "Deliveries of notifications that wait")
        self.outbox_dead = gauge("outbox_dead", "Deliveries that were given up")
        self.outbox_age = gauge("outbox_age_seconds", "How long the oldest delivery waits; 0 when none does")
        self.realtime_up = gauge("realtime_up", "1 while the worker's own channel is joined")
        self.realtime_lost = counter("realtime_losses", "Channels that were lost, and joined anew", "channel")
        self.streams_open = gauge("streams_open", "Streams of usage that are open")
        self.streams_dropped = counter("streams_dropped", "Streams that were ended for their reader's sake", "reason")
        self.answers = histogram(
            "http_answer_seconds", "Until an answer began, in seconds", ANSWER_BUCKETS_S, "route", "status"
        )
        self._due_at_s: float | None = None  # of the deadline that the last sweep told, by the monotonic clock
        self.deadline_lag.set_function(self._lag_s)
        for channel in ("worker", "user"):
            self.realtime_lost.labels(channel)
        for reason in ("slow", "stalled"):
            self.streams_dropped.labels(reason)

    @contextmanager
    def sweeping(self) -> Iterator[None]:
        """Counts and times a sweep."""
        began_at_s = time.monotonic()
        try:
            yield
        except BaseException:
            self.sweep_failures.inc()
            raise
        self.sweeps.inc()
        self.sweep_duration.observe(time.monotonic() - began_at_s)

    def swept(self, sweep: Sweep) -> Sweep:
        """Takes what a sweep did, and what it says of the next deadline; hands it on."""
        self.done.inc(sweep.done_count)
        self._due_at_s = None
        if sweep.next_deadline_at is not None:
            wait_s = (sweep.next_deadline_at - sweep.server_time).total_seconds()
            self._due_at_s = time.monotonic() + wait_s
        return sweep

    def lead(self, is_leader: bool) -> None:
        self.leader.set(is_leader)
        if not is_leader:
            self._due_at_s = None  # somebody else's business

    def _lag_s(self) -> float:
        return 0.0 if self._due_at_s is None else max(0.0, time.monotonic() - self._due_at_s)
