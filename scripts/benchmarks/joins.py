"""People who join live rooms while something else goes on."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import pgbench

# As many as a large crowd makes, and no more than the machine can serve: else one measures a queue for its cores.
PER_SECOND = 200
WARM_UP_S = 3.0


@dataclass(frozen=True)
class Meanwhile:
    """How long a deed took, and what those who joined meanwhile have felt of it."""

    took_s: float
    longest_join_ms: float


def during(deed: Callable[[], object], url: str, script: Path, **variables: int) -> Meanwhile:
    """Runs the script from before the deed until after it."""
    with pgbench.running(url, script, PER_SECOND, **variables) as transactions:
        time.sleep(WARM_UP_S)
        began_at = time.time()
        deed()
        ended_at = time.time()
    longest_s = max(
        each.ended_at - each.began_at
        for each in transactions
        if each.ended_at >= began_at and each.began_at <= ended_at
    )
    return Meanwhile(ended_at - began_at, 1000 * longest_s)
