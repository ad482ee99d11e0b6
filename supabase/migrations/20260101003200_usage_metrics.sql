-- Series for the administrators' dashboard, by day and by hour: what was consumed, for how long,
-- by how many people, and what was paid.
--
-- What is over never changes, so a day is counted once, when nobody who acted in it can still be at
-- work; days since then are computed from the rows themselves. Amounts of logs come from the rollup
-- and its tail.

create table private.activity_counted (
  step text not null,
  since timestamptz not null,
  active_users bigint not null,
  sessions bigint not null,
  active_time interval not null,
  primary key (step, since),
  constraint step_is_known check (step in ('hour', 'day'))
);

comment on table private.activity_counted is
'How many were active in a day (UTC) that is counted, how many metered sessions began and how long '
'they were active. Of days and hours that are not counted: what people did who were erased since, '
'which comes on top of what the rows say.';

alter table private.activity_counted enable row level security;

create table private.activity_watermark (
  is_the_only_row boolean primary key default true,
  counted_until date not null default '-infinity',
  over_until date not null default '-infinity',
  over_xact xid8 not null default '0',
  constraint there_is_one_row check (is_the_only_row)
);

comment on table private.activity_watermark is
'Where activity_counted stands: days before counted_until are counted. Days before over_until were '
'over in the eyes of the transaction over_xact. Whoever counts or erases holds the row.';
comment on column private.activity_watermark.over_xact is
'Whoever acts has a transaction''s id before reading the clock. So once all transactions up to '
'this one are over, nobody adds to those days.';

alter table private.activity_watermark enable row level security;

insert into private.activity_watermark default values;

-- What has to be found by time, of everybody.
create index usage_intervals_by_end on public.usage_intervals (ended_at);
create index usage_sessions_by_start on public.usage_sessions (started_at);
create index usage_hourly_by_hour on public.usage_hourly (hour, user_id);
create index usage_daily_by_day on public.usage_daily (day, user_id);
create index credit_purchases_by_completion
on public.credit_purchases (completed_at) where completed_at is not null;

create type public.usage_metrics as (
  per_day jsonb,
  per_hour jsonb
);

comment on type public.usage_metrics is
'Series for a dashboard, oldest first, in UTC: by day, and by hour of the last 24.';

create type private.activity as (
  since timestamptz,
  active_users bigint,
  sessions bigint,
  active_time interval
);

comment on type private.activity is 'What people did in the day or hour that begins at an instant.';

create type private.amount_sum as (
  since timestamptz,
  requests numeric,
  tokens numeric,
  credits numeric
);

comment on type private.amount_sum is
'What was logged in the day or hour that begins at an instant.';

create type private.revenue_sum as (
  since timestamptz,
  revenue jsonb
);

comment on type private.revenue_sum is
'What was paid, by currency, for the day or hour that begins at an instant.';

create type private.presence_step as (
  since timestamptz,
  user_id text,
  active_time interval
);

comment on type private.presence_step is
'Somebody who was active in the day or hour that begins at an instant, and how long a metered '
'session of theirs was.';

create function private.metered_steps(
  step text, since timestamptz, at timestamptz, only_user text default null
)
returns setof private.presence_step
language plpgsql
stable
security invoker
set search_path = ''
-- Planned for the window that is asked for: the rows before it are most.
set plan_cache_mode = 'force_custom_plan'
set timezone = 'UTC'
as $$
begin
  return query
  select p.since, s.user_id, least(s.until, p.since + ('1 ' || step)::interval)
    - greatest(s.since, p.since)
  from (
    select
      i.user_id, i.started_at as since,
      -- An open stretch goes as far as its deadlines let it, stored or not.
      coalesce(i.ended_at, (
        select greatest(i.started_at, least(u.expires_at, u.cap_at, metered_steps.at))
        from public.usage_sessions as u
        where u.id = i.session_id
      )) as until
    from public.usage_intervals as i
    where
      (i.ended_at >= metered_steps.since or i.ended_at is null)
      and (only_user is null or i.user_id = only_user)
  ) as s
  cross join lateral generate_series(
    date_trunc(step, greatest(s.since, metered_steps.since), 'UTC'),
    -- At the boundary it has not entered the next step.
    greatest(s.since, s.until - interval '1 microsecond'),
    ('1 ' || step)::interval
  ) as p (since)
  where s.until >= metered_steps.since;
end
$$;

comment on function private.metered_steps(text, timestamptz, timestamptz, text) is
'The active stretches of metered sessions since a boundary, up to an instant, split by day or '
'hour; of everybody, or of one user.';

create function private.tracked_steps(
  step text, since timestamptz, only_user text default null
)
returns setof private.presence_step
language plpgsql
stable
security invoker
set search_path = ''
set plan_cache_mode = 'force_custom_plan'
set timezone = 'UTC'
as $$
begin
  return query
  select p.since, s.user_id, interval '0'
  from (
    select s.user_id, s.session_start, s.session_end as until
    from public.user_sessions as s
    where s.session_end >= since
    union all
    select s.user_id, s.session_start, s.last_seen_at
    from public.user_sessions as s
    where s.session_end is null and s.last_seen_at >= since
  ) as s
  cross join lateral generate_series(
    date_trunc(step, greatest(s.session_start, since), 'UTC'), s.until, ('1 ' || step)::interval
  ) as p (since)
  where only_user is null or s.user_id = only_user;
end
$$;

comment on function private.tracked_steps(text, timestamptz, text) is
'The days or hours since a boundary in which tracked sessions were, each up to when it was last '
'seen; of everybody, or of one user.';

create function private.logged_steps(
  step text, since timestamptz, only_user text default null
)
returns setof private.presence_step
language plpgsql
stable
security invoker
set search_path = ''
set plan_cache_mode = 'force_custom_plan'
as $$
begin
  return query
  select h.hour, h.user_id, interval '0'
  from public.usage_hourly as h
  where
    step = 'hour' and h.hour >= since and (only_user is null or h.user_id = only_user)
  union all
  select d.day::timestamp at time zone 'UTC', d.user_id, interval '0'
  from public.usage_daily as d
  where
    step = 'day'
    and d.day >= (since at time zone 'UTC')::date
    and (only_user is null or d.user_id = only_user)
  union all
  select date_trunc(step, l.created_at, 'UTC'), l.user_id, interval '0'
  from public.usage_logs as l
  where
    l.xact_id >= (select w.counted_until from private.rollup_watermark as w)
    and l.created_at >= since
    and (only_user is null or l.user_id = only_user);
end
$$;

comment on function private.logged_steps(text, timestamptz, text) is
'The days or hours since a boundary in which usage was logged, counted by the rollup or not; of '
'everybody, or of one user.';

create function private.activity_since(
  step text, since timestamptz, at timestamptz, only_user text default null
)
returns setof private.activity
language plpgsql
stable
security invoker
set search_path = ''
set plan_cache_mode = 'force_custom_plan'
as $$
begin
  return query
  with present as (
    select p.since, p.user_id, sum(p.active_time) as active_time
    from (
      select * from private.metered_steps(step, activity_since.since, at, only_user)
      union all
      select * from private.tracked_steps(step, activity_since.since, only_user)
      union all
      select * from private.logged_steps(step, activity_since.since, only_user)
    ) as p
    group by p.since, p.user_id
  ),

  begun as (
    select date_trunc(step, s.started_at, 'UTC') as since, count(*) as sessions
    from public.usage_sessions as s
    where
      s.started_at >= activity_since.since and (only_user is null or s.user_id = only_user)
    group by 1
  )

  -- Who begins a session is present.
  select
    p.since, count(*), coalesce(max(b.sessions), 0), sum(p.active_time)
  from present as p
  left join begun as b on b.since = p.since
  group by p.since;
end
$$;

comment on function private.activity_since(text, timestamptz, timestamptz, text) is
'What people did in each day or hour since a boundary, as the rows say at an instant: of '
'everybody, or of one user. Steps without activity are missing.';

create function private.activity_between(step text, since timestamptz, at timestamptz)
returns setof private.activity
language sql
stable
security invoker
set search_path = ''
as $$
  select a.since, sum(a.active_users)::bigint, sum(a.sessions)::bigint, sum(a.active_time)
  from (
    select c.since, c.active_users, c.sessions, c.active_time
    from private.activity_counted as c
    where c.step = activity_between.step and c.since >= activity_between.since
    union all
    select live.*
    from private.activity_watermark as w
    cross join lateral private.activity_since(
      activity_between.step,
      case activity_between.step
        when 'day'
          then greatest(activity_between.since, w.counted_until::timestamp at time zone 'UTC')
        else activity_between.since
      end,
      at
    ) as live
  ) as a
  group by a.since;
$$;

comment on function private.activity_between(text, timestamptz, timestamptz) is
'What people did in each day or hour from a boundary up to an instant: counted, and of the time '
'that is not counted as the rows say.';

create function private.count_activity()
returns integer
language plpgsql
security invoker
set search_path = ''
set jit = off
as $$
declare
  v_mark private.activity_watermark;
  v_now timestamptz := clock_timestamp();
  v_over_until date;
  v_since date;
  v_count integer := 0;
begin
  select * into v_mark from private.activity_watermark for update skip locked;
  if not found then
    return 0;
  end if;
  if
    v_mark.over_until > v_mark.counted_until
    and pg_snapshot_xmin(pg_current_snapshot()) > v_mark.over_xact
  then
    v_since := greatest(v_mark.counted_until, (
      select (min(a.created_at) at time zone 'UTC')::date from public.accounts as a
    ));
    insert into private.activity_counted as c (step, since, active_users, sessions, active_time)
    select 'day', a.since, a.active_users, a.sessions, a.active_time
    from private.activity_since('day', v_since::timestamp at time zone 'UTC', v_now) as a
    where a.since < v_mark.over_until::timestamp at time zone 'UTC'
    on conflict on constraint activity_counted_pkey do update
    set
      active_users = c.active_users + excluded.active_users,
      sessions = c.sessions + excluded.sessions,
      active_time = c.active_time + excluded.active_time;
    get diagnostics v_count = row_count;
    v_mark.counted_until := v_mark.over_until;
    delete from private.activity_counted
    where step = 'hour' and since < v_now - interval '48 hours';
  end if;
  -- A tracked session can come back to life in the day before, for as long as its timeout.
  v_over_until := (
    select (private.later(v_now, -s.session_timeout) at time zone 'UTC')::date
    from private.settings as s
  );
  if v_over_until > v_mark.over_until and v_mark.over_until = v_mark.counted_until then
    v_mark.over_until := v_over_until;
    v_mark.over_xact := pg_current_xact_id();
  end if;
  update private.activity_watermark
  set
    counted_until = v_mark.counted_until,
    over_until = v_mark.over_until,
    over_xact = v_mark.over_xact;
  return v_count;
end
$$;

comment on function private.count_activity() is
'Sweep: counts the days that are over, once all transactions that began in them are. The run that '
'first finds a day over remembers it, a later one counts it. Idempotent; nothing is done where '
'somebody else counts. Answers how many days it counted.';

-- The answer.

create function private.amounts_between(step text, since timestamptz)
returns setof private.amount_sum
language plpgsql
stable
security invoker
set search_path = ''
set plan_cache_mode = 'force_custom_plan'
as $$
begin
  return query
  select date_trunc(step, a.hour, 'UTC'), sum(a.requests), sum(a.tokens), sum(a.credits)
  from (
    select s.hour, s.requests, s.tokens, s.credits
    from private.usage_series as s
    where s.hour >= amounts_between.since
    union all
    select u.hour, u.requests, u.prompt_tokens + u.completion_tokens, u.credits
    from private.rollup_watermark as w
    cross join lateral private.usage_between(w.counted_until, '18446744073709551615') as u
    where u.hour >= amounts_between.since
  ) as a
  group by 1;
end
$$;

comment on function private.amounts_between(text, timestamptz) is
'What was logged in each day or hour from a boundary on: rollup and tail.';

create function private.revenue_between(step text, since timestamptz)
returns setof private.revenue_sum
language plpgsql
stable
security invoker
set search_path = ''
set plan_cache_mode = 'force_custom_plan'
as $$
begin
  return query
  select paid.since, jsonb_object_agg(paid.currency, paid.amount)
  from (
    select
      date_trunc(step, p.completed_at, 'UTC') as since,
      p.currency,
      sum(greatest(p.amount - o.refunded_amount, 0)) as amount
    from public.credit_purchases as p
    inner join private.purchase_lots as o on o.purchase_id = p.id
    where p.completed_at >= revenue_between.since and p.status in ('completed', 'refunded')
    group by 1, 2
    having sum(greatest(p.amount - o.refunded_amount, 0)) <> 0
  ) as paid
  group by paid.since;
end
$$;

comment on function private.revenue_between(text, timestamptz) is
'What stays paid of the purchases that were completed in each day or hour from a boundary on, by '
'currency.';

create function private.metrics_series(step text, since timestamptz, at timestamptz)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select jsonb_agg(
    jsonb_build_object(
      step, case step when 'day' then to_jsonb(p.since::date) else to_jsonb(t.since) end,
      'active_users', coalesce(a.active_users, 0),
      'sessions', coalesce(a.sessions, 0),
      'seconds', coalesce(floor(extract(epoch from a.active_time)), 0),
      'requests', coalesce(u.requests, 0),
      'tokens', coalesce(u.tokens, 0),
      'credits', coalesce(u.credits, 0),
      'revenue', coalesce(r.revenue, '{}')
    )
    order by p.since
  )
  from generate_series(
    metrics_series.since at time zone 'UTC', at at time zone 'UTC', ('1 ' || step)::interval
  ) as p (since)
  cross join lateral (select p.since at time zone 'UTC' as since) as t
  left join private.activity_between(step, metrics_series.since, at) as a on a.since = t.since
  left join private.amounts_between(step, metrics_series.since) as u on u.since = t.since
  left join private.revenue_between(step, metrics_series.since) as r on r.since = t.since;
$$;

comment on function private.metrics_series(text, timestamptz, timestamptz) is
'The series by day or hour from a boundary up to an instant, oldest first, empty steps included.';

create function public.get_usage_metrics(days_back integer default 30)
returns public.usage_metrics
language plpgsql
stable
security definer
set search_path = ''
set jit = off
set work_mem = '32MB'
as $$
declare
  -- Not after the snapshot: whatever is older is in it.
  v_at timestamptz := statement_timestamp();
begin
  perform private.require_admin();
  perform private.check_days_back(days_back);
  return row(
    private.metrics_series(
      'day', date_trunc('day', private.days_before(v_at, days_back), 'UTC'), v_at
    ),
    private.metrics_series('hour', date_trunc('hour', v_at, 'UTC') - interval '23 hours', v_at)
  )::public.usage_metrics;
end
$$;

comment on function public.get_usage_metrics(integer) is
'[admin] Series by day (today and the days_back before it) and by hour (this one and the 23 before '
'it), UTC, exact to the instant: active users (a log, a metered stretch or a tracked session in '
'it), metered sessions begun, their active seconds within it, requests, tokens, credits, and what '
'stays paid of purchases completed in it, by currency. Raises not_signed_in, admin_only, '
'invalid_argument. Definer: reads what nobody may.';

grant execute on function public.get_usage_metrics(integer) to authenticated, service_role;
