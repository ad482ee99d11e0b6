"""How much a run measures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Caps:
    """Sessions that reach their cap one after the other, evenly spread over `spread_s`, `rounds` times."""

    live_count: int
    spread_s: int
    rounds: int


@dataclass(frozen=True)
class Scale:
    """The size of each part of a run."""

    rounds: int  # of baseline and subject in turn
    round_s: int
    closed_per_user: int
    sweeps: int
    batches: int
    histories: tuple[int, int]  # tracked sessions of everybody: few, many
    dead_rooms: int
    cleanings: int
    logs: tuple[int, ...]  # of everybody: from few to many
    fetches: int
    peer_fetches: int
    counted: int
    charges_s: int
    deliveries: int  # of webhooks
    deliver_rounds: int
    streams: int
    stream_events: int
    beating: int  # live sessions
    beat_s: int
    failovers: int
    stops: dict[int, int]  # live sessions: stops measured
    caps: tuple[Caps, ...]


FULL = Scale(
    rounds=10,
    round_s=3,
    closed_per_user=100,
    sweeps=200,
    batches=40,
    histories=(100_000, 1_000_000),
    dead_rooms=100_000,
    cleanings=1,
    logs=(100_000, 1_000_000, 10_000_000),
    fetches=100,
    peer_fetches=2,
    counted=100_000,
    charges_s=30,
    deliveries=2000,
    deliver_rounds=5,
    streams=1000,
    stream_events=500,
    beating=10_000,
    beat_s=60,
    failovers=20,
    stops={1: 300, 100: 300, 1000: 1000},
    caps=(Caps(1, 0, 40), Caps(100, 4, 3), Caps(1000, 10, 2)),
)
QUICK = Scale(
    rounds=3,
    round_s=2,
    closed_per_user=10,
    sweeps=50,
    batches=20,
    histories=(20_000, 200_000),
    dead_rooms=10_000,
    cleanings=1,
    logs=(10_000, 100_000, 1_000_000),
    fetches=40,
    peer_fetches=1,
    counted=20_000,
    charges_s=10,
    deliveries=1000,
    deliver_rounds=3,
    streams=1000,
    stream_events=100,
    beating=2_000,
    beat_s=15,
    failovers=5,
    stops={1: 50, 100: 100, 1000: 100},
    caps=(Caps(1, 0, 5), Caps(100, 4, 1), Caps(1000, 10, 1)),
)
