"""The name that was perhaps meant: PostgREST's fuzzy search, by shared trigrams, then bigrams, then edit distance."""

import math
from collections import Counter
from collections.abc import Iterable

CANDIDATES = 50


def nearest(text: str, names: Iterable[str], least: float) -> str | None:
    """The name that is most like the text, if any scores `least` of 1 or more."""
    wanted = text.lower()
    known: dict[str, str] = {}
    for name in names:
        known.setdefault(name.lower(), name)
    if wanted in known:
        return known[wanted]
    for size in (3, 2):
        grams = _grams(wanted, size)
        alike = sorted(known, key=lambda name: _cosine(grams, _grams(name, size)), reverse=True)[:CANDIDATES]
        scores = {name: _likeness(wanted, name) for name in alike if grams.keys() & _grams(name, size).keys()}
        best = max(scores, key=lambda name: scores[name], default=None)
        if best is not None and scores[best] >= least:
            return known[best]
    return None


def _grams(text: str, size: int) -> Counter[str]:
    enclosed = "-" + "".join(c for c in text if c.isalnum() or c.isspace() or c == ",") + "-"
    return Counter(enclosed[at : at + size] for at in range(len(enclosed) - size + 1))


def _cosine(one: Counter[str], other: Counter[str]) -> float:
    product = sum(count * other[gram] for gram, count in one.items())
    return product / (math.hypot(*one.values()) * math.hypot(*other.values()) or 1)


def _likeness(one: str, other: str) -> float:
    """1 less the edit distance as a share of the longer text."""
    above = list(range(len(other) + 1))
    for row, left in enumerate(one, 1):
        line = [row]
        for column, right in enumerate(other, 1):
            line.append(min(above[column] + 1, line[-1] + 1, above[column - 1] + (left != right)))
        above = line
    return 1 - above[-1] / max(len(one), len(other), 1)
