"""What a user reads of their usage and credits, against the barest read of the same rows."""

from collections.abc import Iterator

from benchmarks import scripts
from benchmarks.comparison import Comparison, compare
from benchmarks.scale import Scale
from local_stack.testing import TemporaryStack

BALANCE = "select g.remaining from public.credit_grants as g where g.user_id = 'u' || :n;"
# Function: how a user calls it, and a SELECT of what it answers from.
READS = {
    "get_thread_usage": (
        "select public.get_thread_usage('thread1');",
        "select * from public.account_usage where user_id = 'u' || :n;",
    ),
    "get_credit_balance": ("select public.get_credit_balance();", BALANCE),
    "get_subscription_summary": ("select public.get_subscription_summary();", BALANCE),
}


def measure(stack: TemporaryStack, scale: Scale, users: int) -> Iterator[tuple[str, Comparison]]:
    """Throughput of each read, with what is stored now."""
    url = stack.database_url("authenticator")
    for function, queries in READS.items():
        made = [
            scripts.Script(
                url,
                scripts.write(stack.folder / "scripts", f"{function}{number}", scripts.AS_USER % query),
                scale.round_s,
                users,
            )
            for number, query in enumerate(queries)
        ]
        yield function, compare(made[0].per_second, made[1].per_second, scale.rounds)
