-- Does the ledger add up? What the tables promise each other, looked at from all sides.

create function private.check_lots()
returns table (user_id text, what text, expected text, found text)
language sql
stable
security invoker
set search_path = ''
as $$
  select
    g.user_id,
    format('what is left of lot %s', g.id),
    (g.credits - coalesce(sum(u.credits), 0))::text,
    g.remaining::text
  from public.credit_grants as g
  left join public.credit_usage as u on u.grant_id = g.id
  group by g.id
  having g.remaining <> g.credits - coalesce(sum(u.credits), 0)
  union all
  select g.user_id, format('place of lot %s in the burn order', g.id), g.place::text, l.place::text
  from (
    select
      g.*, case
        when g.remaining > 0
          then row(g.user_id, g.priority, coalesce(g.expires_at, 'infinity'), g.created_at, g.id)
      end as place
    from public.credit_grants as g
  ) as g
  left join (
    select
      l.grant_id, row(l.user_id, l.priority, l.expires_at, l.created_at, l.grant_id) as place
    from private.live_lots as l
  ) as l on l.grant_id = g.id
  where g.place::text is distinct from l.place::text
  union all
  select u.user_id, format('owner of lot %s', g.id), u.user_id, g.user_id
  from public.credit_usage as u
  inner join public.credit_grants as g on g.id = u.grant_id
  where g.user_id is distinct from u.user_id;
$$;

comment on function private.check_lots() is
'What of the lots does not fit their ledger lines and their place in the burn order.';

create function private.check_balances()
returns table (user_id text, what text, expected text, found text)
language sql
stable
security invoker
set search_path = ''
as $$
  select b.user_id, c.what, c.expected, c.found
  from private.credit_balances as b
  cross join lateral (
    select
      (
        select coalesce(sum(g.remaining), 0)
        from public.credit_grants as g
        where g.user_id = b.user_id
      ) as lots,
      (
        select coalesce(sum(o.credits), 0)
        from private.overdrafts as o
        where o.user_id = b.user_id
      ) as overdraft,
      (
        select coalesce(sum(h.credits), 0)
        from public.credit_holds as h
        where h.user_id = b.user_id and h.status = 'live'
      ) as held,
      (
        select coalesce(sum(l.credits), 0)
        from public.usage_logs as l
        where l.user_id = b.user_id and l.created_at >= b.period_started_at
      ) as used,
      -- Of a period that reaches back beyond the logs nothing can be said.
      b.period_started_at
      > clock_timestamp() - (select s.usage_log_retention from private.settings as s) as has_logs
  ) as s
  cross join lateral (
    values
    ('balance', (s.lots - s.overdraft)::text, b.balance::text, s.lots - s.overdraft = b.balance),
    ('overdraft', s.overdraft::text, b.overdraft::text, s.overdraft = b.overdraft),
    ('held', s.held::text, b.held::text, s.held = b.held),
    ('used in this period', s.used::text, b.used::text, s.used = b.used or not s.has_logs),
    (
      'next that runs out, at the latest',
      private.next_expiry_of(b.user_id)::text,
      b.next_due_at::text,
      b.next_due_at <= private.next_expiry_of(b.user_id)
    )
  ) as c (what, expected, found, is_right)
  where not c.is_right
  union all
  select g.user_id, 'balance', 'a row', null
  from public.credit_grants as g
  where
    g.user_id is not null
    and not exists (select from private.credit_balances as b where b.user_id = g.user_id);
$$;

comment on function private.check_balances() is
'What of the balances does not fit the lots, overdrafts, holds and logs.';

create function private.check_charges()
returns table (user_id text, what text, expected text, found text)
language sql
stable
security invoker
set search_path = ''
as $$
  select
    l.user_id,
    format('what log %s took and was given back', l.id),
    case when l.refunded_at is null then l.credits::text else 'at most ' || l.credits end,
    (coalesce(u.charged, 0) + coalesce(o.credits, 0))::text
  from public.usage_logs as l
  left join (
    select
      u.usage_log_id,
      sum(u.credits) filter (where u.kind = 'charge') as charged,
      sum(u.credits) as left_charged
    from public.credit_usage as u
    where u.usage_log_id is not null
    group by u.usage_log_id
  ) as u on u.usage_log_id = l.id
  left join private.overdrafts as o on o.usage_log_id = l.id
  where case
    when l.refunded_at is null
      then coalesce(u.left_charged, 0) + coalesce(o.credits, 0) <> l.credits
    else coalesce(u.charged, 0) > l.credits or u.left_charged < 0 or o.credits is not null
  end
  union all
  select l.user_id, format('requests of thread %L', l.thread_id), l.found, t.requests::text
  from (
    select
      l.user_id, l.thread_id, count(*)::text as found, sum(l.credits) as credits,
      sum(l.prompt_tokens) as prompt_tokens, sum(l.completion_tokens) as completion_tokens,
      count(*) as requests, min(l.created_at) as first_at
    from public.usage_logs as l
    where l.thread_id is not null
    group by l.user_id, l.thread_id
  ) as l
  left join private.thread_totals as t
    on t.user_id = l.user_id and t.thread_id = l.thread_id
  -- The totals outlive the logs, so they may be more.
  where (
    t.credits >= l.credits and t.prompt_tokens >= l.prompt_tokens
    and t.completion_tokens >= l.completion_tokens and t.requests >= l.requests
  ) is not true;
$$;

comment on function private.check_charges() is
'What of the logs does not fit what was burned and overdrawn for them, and the totals of threads.';

create function private.check_ledger()
returns table (user_id text, what text, expected text, found text)
language sql
stable
security invoker
set search_path = ''
as $$
  select * from private.check_lots()
  union all
  select * from private.check_balances()
  union all
  select * from private.check_charges();
$$;

comment on function private.check_ledger() is
'One row for each promise of the ledger that does not hold: for whom, what, what it would have to '
'be and what it is. Empty = all is well. Reads everything.';
