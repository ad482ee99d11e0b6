"""How the Realtime stand-in delays and limits, named as the real server names it."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Back-offs and limits; the defaults are those of the hosted platform, the plan's limit on events aside."""

    channel_backoff_s: float = 5.0  # before the answer to a refused join
    connect_backoff_s: float = 2.0  # before the answer to a refused upgrade
    channels_per_socket: int = 100
    presence_pushes: int = 5  # of one channel, within the window
    presence_window_s: float = 30.0
    payload_bytes: int = 3_000_500
    events_per_second: int | None = None  # 100 on the free plan; None is no limit

    @classmethod
    def from_environment(cls) -> "Settings":
        events = os.environ.get("MAX_EVENTS_PER_SECOND")
        return cls(
            channel_backoff_s=int(os.environ.get("CHANNEL_ERROR_BACKOFF_MS", "5000")) / 1000,
            connect_backoff_s=int(os.environ.get("CONNECT_ERROR_BACKOFF_MS", "2000")) / 1000,
            events_per_second=int(events) if events else None,
        )
