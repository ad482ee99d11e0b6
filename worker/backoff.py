"""How long to wait before the next try."""

import random
from dataclasses import dataclass


@dataclass
class Backoff:
    """Doubles from `first_s` to `longest_s`; each wait is random within its upper half, so that replicas spread."""

    first_s: float
    longest_s: float
    tries: int = 0

    def next_s(self) -> float:
        """Seconds until the next try."""
        ceiling_s = min(self.longest_s, self.first_s * 2.0 ** min(self.tries, 32))
        self.tries += 1
        return ceiling_s * random.uniform(0.5, 1)  # noqa: S311 - spreads load, protects nothing

    def reset(self) -> None:
        self.tries = 0
