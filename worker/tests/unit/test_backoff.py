"""How the waits between tries grow."""

from hypothesis import given
from hypothesis import strategies as st

from worker.backoff import Backoff


@given(st.floats(0.01, 1), st.floats(1, 60), st.integers(0, 2000))
def test_a_wait_lies_in_the_upper_half_of_what_doubles_up_to_the_longest(
    first_s: float, longest_s: float, tries: int
) -> None:
    backoff = Backoff(first_s, longest_s, tries)
    ceiling_s = min(longest_s, first_s * 2.0 ** min(tries, 32))
    assert ceiling_s / 2 <= backoff.next_s() <= ceiling_s


def test_after_a_success_it_starts_over() -> None:
    backoff = Backoff(1, 60)
    for _ in range(10):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() <= 1
