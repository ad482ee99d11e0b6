"""The administrators' page over all users, against the plain way, which adds the logs up whenever somebody looks."""

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import psycopg

from benchmarks.comparison import percentile
from local_stack.testing import TemporaryStack

USERS = 100_000
SIZE = 10
ADMIN = {"sub": "admin", "role": "authenticated", "app_metadata": {"role": "admin"}}
AS_ADMIN = "select set_config('role', 'authenticated', false), set_config('request.jwt.claims', %s, false)"
CALL = "select * from public.get_usage_overview(page => %(page)s, search => %(search)s, sort => %(sort)s)"
PEER = """
with used as (
  select
    user_id, count(*) as requests, sum(prompt_tokens + completion_tokens) as tokens, sum(credits) as credits,
    max(created_at) as last_active
  from public.usage_logs
  group by user_id
),
paid as (
  select user_id, sum(amount) as revenue from public.credit_purchases where status = 'completed' group by user_id
),
-- Else a planner that counts on the limit joins row by row.
matching as materialized (
  select
    a.user_id, a.email, a.display_name as name, a.user_type, u.requests, u.tokens, u.credits, u.last_active,
    p.revenue is not null as has_completed_payment, p.revenue
  from public.accounts as a
  left join used as u on u.user_id = a.user_id
  left join paid as p on p.user_id = a.user_id
  where
    %(search)s::text is null
    or a.user_id ilike '%%' || %(search)s || '%%'
    or a.email ilike '%%' || %(search)s || '%%'
    or a.display_name ilike '%%' || %(search)s || '%%'
)
select
  *, count(*) over () as total_rows, sum(requests) over () as total_requests, sum(tokens) over () as total_tokens,
  sum(credits) over () as total_credits, sum(revenue) over () as total_revenue
from matching
order by {key}, user_id
limit {size} offset {size} * (%(page)s - 1)
"""


@dataclass(frozen=True)
class Page:
    """What an administrator asks for."""

    name: str
    page: int = 1
    search: str | None = None
    sort: str = "last_active"

    @property
    def key(self) -> str:
        """What the plain way sorts by."""
        return "lower(name)" if self.sort == "name" else f"{self.sort} desc nulls last"


PAGES = (
    Page("first page"),
    Page(f"page {USERS // SIZE // 2:,} of {USERS // SIZE:,}", page=USERS // SIZE // 2),
    *(Page(f"first page by {sort}", sort=sort) for sort in ("credits", "tokens", "requests", "revenue", "name")),
    Page("search that finds 11", search="u4242"),
    Page("search that finds everybody", search="example.com"),
)


@dataclass(frozen=True)
class Times:
    """How long one page takes, in milliseconds."""

    p50: float
    p95: float
    peer: float


def measure(stack: TemporaryStack, fetches: int, peer_fetches: int) -> Iterator[tuple[Page, Times]]:
    """Each page, with what is stored now."""
    with (
        psycopg.connect(stack.database_url("authenticator"), autocommit=True, prepare_threshold=0) as admin,
        psycopg.connect(stack.db_url, autocommit=True, prepare_threshold=0) as owner,
    ):
        admin.execute(AS_ADMIN, [json.dumps(ADMIN)])
        for page in PAGES:
            times = sorted(itertools.islice(_fetch(admin, CALL, page), fetches))
            peers = itertools.islice(_fetch(owner, PEER.format(key=page.key, size=SIZE), page), peer_fetches)
            yield page, Times(percentile(times, 50), percentile(times, 95), median(peers))


def _fetch(connection: psycopg.Connection, query: str, page: Page) -> Iterator[float]:
    """Milliseconds of each fetch of a page, after one to warm up."""
    for number in itertools.count():
        began = time.perf_counter()
        connection.execute(query.encode(), {"page": page.page, "search": page.search, "sort": page.sort}).fetchall()
        if number:
            yield 1000 * (time.perf_counter() - began)
