"""Subject against baseline, in turn, so that the drift of a machine cancels out."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Comparison:
    """Medians over the rounds; the ratio is the median of each round's own ratio."""

    subject: float
    baseline: float
    ratio: float


def compare(subject: Callable[[], float], baseline: Callable[[], float], rounds: int) -> Comparison:
    """Measures both once to warm up, then `rounds` times: A B, B A, A B …"""
    subject()
    baseline()
    pairs = []
    for number in range(rounds):
        if number % 2:
            of_baseline = baseline()
            pairs.append((subject(), of_baseline))
        else:
            pairs.append((subject(), baseline()))
    return Comparison(
        median(pair[0] for pair in pairs),
        median(pair[1] for pair in pairs),
        median(pair[0] / pair[1] for pair in pairs),
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of the values do not exceed."""
    return sorted(values)[max(math.ceil(len(values) * percent / 100), 1) - 1]
