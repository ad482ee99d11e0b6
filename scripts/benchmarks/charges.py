"""A charge, as PostgREST runs it for a back end, against the bare statements that no correct one can do without."""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from benchmarks import database, ledger, scripts
from benchmarks.comparison import Comparison, compare
from benchmarks.report import Row
from benchmarks.scale import Scale
from local_stack.testing import TemporaryStack

ACCOUNTS = 10_000
CLIENTS = 16
# What a charge changes in place.
UPDATED = ("public.accounts", "public.credit_grants", "private.credit_balances", "private.thread_totals")

PICK = r"""
\set log random(1, 9223372036854775807)
\set thread random(1, 3)
"""
# The log, the balance, and which lot was burned.
BARE = r"""
insert into public.usage_logs (
  id, user_id, thread_id, kind, model, prompt_tokens, completion_tokens, credits, metadata, created_at
)
values (
  md5('log' || :log)::uuid, 'u' || :n, {thread}, 'completion', 'large', 1000, 200, 1.25, '{{}}', clock_timestamp()
);
update private.credit_balances
set balance = balance - 1.25, used = used + 1.25, last_used_at = clock_timestamp()
where user_id = 'u' || :n;
insert into public.credit_usage (user_id, grant_id, usage_log_id, kind, credits, created_at)
values ('u' || :n, md5('u' || :n)::uuid, md5('log' || :log)::uuid, 'charge', 1.25, clock_timestamp());
"""
# What a thread has used, and what a key was answered.
BARE_THREAD_AND_KEY = r"""
insert into private.thread_totals as t (
  user_id, thread_id, credits, prompt_tokens, completion_tokens, requests, last_used_at
)
values ('u' || :n, {thread}, 1.25, 1000, 200, 1, clock_timestamp())
on conflict on constraint thread_totals_pkey do update
set
  credits = t.credits + excluded.credits,
  prompt_tokens = t.prompt_tokens + excluded.prompt_tokens,
  completion_tokens = t.completion_tokens + excluded.completion_tokens,
  requests = t.requests + 1,
  last_used_at = excluded.last_used_at;
insert into private.idempotency_keys (user_id, key, request_hash, answer, created_at)
values ('u' || :n, 'key' || :log, :log, '{{"credits":1.25}}', clock_timestamp());
"""
# A colon before a letter would be a variable.
MESSAGES = r"""
select realtime.send(payload, 'credits' || chr(58) || 'changed', 'user' || chr(58) || 'u' || :n, true)
from jsonb_build_object('version', :log::bigint, 'at', now(), 'balance', jsonb_build_object(
  'balance', 1, 'held', 0, 'available', 1, 'expires_next_at', null, 'expiring_next', 0, 'used_this_period', 1,
  'version', :log::bigint
)) as payload;
select realtime.send(payload, 'usage' || chr(58) || 'logged', 'user' || chr(58) || 'u' || :n, true)
from jsonb_build_object(
  'version', :log::bigint, 'at', now(), 'usage_log_id', md5('log' || :log), 'thread_id', null,
  'credits', 1.25, 'thread', null, 'count', 1
) as payload;
"""
CALL = """
select public.record_usage(
  user_id => 'u' || :n, credits => 1.25, model => 'large', prompt_tokens => 1000, completion_tokens => 200{more}
);
"""
THREAD = "'thread' || :thread"


@dataclass(frozen=True)
class Charges:
    """Throughput of each way to charge one of so many accounts."""

    call: scripts.Script
    bare: scripts.Script
    messages: scripts.Script

    def compare(self, rounds: int) -> Comparison:
        return compare(self.call.per_second, self.bare.per_second, rounds)

    def compare_messages(self, rounds: int) -> Comparison:
        return compare(self.messages.per_second, self.bare.per_second, rounds)


def measure(stack: TemporaryStack, scale: Scale) -> Iterator[Row]:
    """Charges of many accounts, and of one that everybody charges."""
    with database.connect(stack) as connection:
        ledger.give(connection, ACCOUNTS)
        before = {table: database.updates(connection, table) for table in UPDATED}
        plain = _charges(stack, scale, ACCOUNTS)
        yield _row(f"charge vs bare statements, {ACCOUNTS:,} accounts", plain.compare(scale.rounds), "ratio ≥ 0.6")
        floor = plain.compare_messages(scale.rounds)
        yield _row("  the bare statements and its two messages", floor, "no less can be done")
        full = _charges(stack, scale, ACCOUNTS, has_thread_and_key=True)
        yield _row("  with thread and key, both in the bare ones too", full.compare(scale.rounds), "ratio ≥ 0.6")
        hot = _charges(stack, scale, 1)
        yield _row("charge vs bare statements, one account", hot.compare(scale.rounds), "ratio ≥ 0.6")
        floor = hot.compare_messages(scale.rounds)
        yield _row("  the bare statements and its two messages", floor, "no less can be done")
        for table, (count, hot_count) in before.items():
            yield _hot(connection, table, count, hot_count)


def _charges(stack: TemporaryStack, scale: Scale, users: int, *, has_thread_and_key: bool = False) -> Charges:
    thread = THREAD if has_thread_and_key else "null"
    more = f", thread_id => {THREAD}, idempotency_key => 'key' || :log" if has_thread_and_key else ""
    bare = BARE + BARE_THREAD_AND_KEY if has_thread_and_key else BARE

    def script(url: str, name: str, text: str) -> scripts.Script:
        path = scripts.write(stack.folder / "scripts", f"{name}_{has_thread_and_key}", PICK + text)
        return scripts.Script(url, path, scale.round_s, users, CLIENTS)

    return Charges(
        script(stack.database_url("authenticator"), "charge", scripts.AS_SERVICE % CALL.format(more=more)),
        script(stack.db_url, "bare", scripts.AT_ONCE % bare.format(thread=thread)),
        script(stack.db_url, "messages", scripts.AT_ONCE % (bare + MESSAGES).format(thread=thread)),
    )


def _hot(connection: psycopg.Connection, table: str, count: int, hot_count: int) -> Row:
    now_count, now_hot_count = database.updates(connection, table)
    hot, every = now_hot_count - hot_count, now_count - count
    return Row(f"  updates of {table} that were HOT", hot, every, hot / every, "", "all")


def _row(name: str, comparison: Comparison, target: str) -> Row:
    return Row(name, comparison.subject, comparison.baseline, comparison.ratio, "/s", target)
