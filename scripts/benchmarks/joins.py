"""People who join live rooms while something else goes on."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import pgbench

WARM_UP_S = 3.0


@dataclass(frozen=True)
class Meanwhile:
    """How long a deed took, and what those who joined in that time have seen of it."""

    took_s: float
    joins_per_second: float
    longest_join_ms: float


def during(deed: Callable[[], object], url: str, script: Path, **variables: int) -> Meanwhile:
    """Runs the script on every client from before the deed until after it."""
    with pgbench.running(url, script, **variables) as transactions:
        time.sleep(WARM_UP_S)
        began_at = time.time()
        deed()
        ended_at = time.time()
    took_s = ended_at - began_at
    seen = [each for each in transactions if each.ended_at >= began_at and each.began_at <= ended_at]
    longest_s = max(each.ended_at - each.began_at for each in seen)
    return Meanwhile(took_s, len(seen) / took_s, 1000 * longest_s)
