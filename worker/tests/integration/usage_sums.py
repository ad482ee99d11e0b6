"""Whether rollups, with the tail that is not rolled up yet, say what the logs say."""

from worker.tests.integration.metered_crowd import Connection

# One statement, one snapshot: the logs added up, against rollup and tail.
WRONG = """
    with truth as (
      select user_id, count(*) as requests, sum(prompt_tokens) as prompt_tokens,
        sum(completion_tokens) as completion_tokens, sum(credits) as credits, max(created_at) as last_active_at
      from public.usage_logs where user_id like %(people)s group by user_id
    ),
    shown as (
      select a.user_id, a.requests + coalesce(t.requests, 0) as requests,
        a.prompt_tokens + coalesce(t.prompt_tokens, 0) as prompt_tokens,
        a.completion_tokens + coalesce(t.completion_tokens, 0) as completion_tokens,
        a.credits + coalesce(t.credits, 0) as credits, greatest(a.last_active_at, t.last_active_at) as last_active_at
      from public.account_usage as a
      left join unnest(private.usage_tail()) as t on t.user_id = a.user_id
      where a.user_id like %(people)s
    ),
    sums as (
      select a.user_id, a.requests, a.credits, a.total_tokens from public.account_usage as a
      where a.user_id like %(people)s and a.requests > 0
    ),
    hours as (
      select user_id, sum(requests) as requests, sum(credits) as credits,
        sum(prompt_tokens + completion_tokens) as total_tokens
      from public.usage_hourly where user_id like %(people)s group by user_id
    ),
    days as (
      select user_id, sum(requests) as requests, sum(credits) as credits,
        sum(prompt_tokens + completion_tokens) as total_tokens
      from public.usage_daily where user_id like %(people)s group by user_id
    ),
    totals as (
      select (t.o).total_requests as requests, (t.o).total_tokens as tokens, (t.o).total_credits as credits
      from (select private.total_overview(null, private.usage_tail()) as o) as t
    ),
    everybody as (
      select sum(a.requests + coalesce(t.requests, 0)) as requests,
        sum(a.total_tokens + coalesce(t.prompt_tokens + t.completion_tokens, 0)) as tokens,
        sum(a.credits + coalesce(t.credits, 0)) as credits
      from public.account_usage as a left join unnest(private.usage_tail()) as t on t.user_id = a.user_id
    )
    (select 'tail' as what, truth::text as is_so, shown::text as is_shown
      from truth full join shown using (user_id)
      where truth is distinct from shown and coalesce(shown.requests, 1) > 0)
    union all
    (select 'hours', sums::text, hours::text from sums full join hours using (user_id)
      where (sums.requests, sums.credits, sums.total_tokens)
        is distinct from (hours.requests, hours.credits, hours.total_tokens))
    union all
    (select 'days', sums::text, days::text from sums full join days using (user_id)
      where (sums.requests, sums.credits, sums.total_tokens)
        is distinct from (days.requests, days.credits, days.total_tokens))
    union all
    (select 'totals', everybody::text, totals::text from everybody cross join totals
      where (everybody.requests, everybody.tokens, everybody.credits)
        is distinct from (totals.requests, totals.tokens, totals.credits))"""


def wrong(connection: Connection, people: str) -> list[dict[str, object]]:
    """What is shown otherwise than it is; `people` is the beginning of the users' ids."""
    return connection.execute(WRONG, {"people": f"{people}%"}).fetchall()
