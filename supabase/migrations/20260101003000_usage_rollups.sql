-- Rollups: what was consumed, added up by hour, by day and by account, so that a read need not add
-- up logs.
--
-- Each log is counted exactly once: it carries the id of its transaction, and a run counts the
-- transactions from the watermark up to the oldest that is still going on, moving the watermark in
-- the same transaction. Whatever commits later has a higher id. A read adds the tail, the logs from
-- the watermark on, in one snapshot, and is exact to the instant, counted or not.

create table public.usage_hourly (
  user_id text not null,
  hour timestamptz not null,
  requests bigint not null,
  prompt_tokens bigint not null,
  completion_tokens bigint not null,
  credits numeric not null,
  primary key (user_id, hour)
)
-- The hour of now is updated in place.
with (fillfactor = 80);

comment on table public.usage_hourly is
'What a user consumed in each hour (UTC), up to the last run of the rollup. Kept for '
'usage_log_retention, as the logs are.';

alter table public.usage_hourly enable row level security;
revoke all on table public.usage_hourly from anon, authenticated, service_role;
grant select on table public.usage_hourly to authenticated, service_role;

create policy usage_hourly_select_own on public.usage_hourly for select to authenticated
using (user_id = (select private.caller()));

create table public.usage_daily (
  user_id text not null,
  day date not null,
  requests bigint not null,
  prompt_tokens bigint not null,
  completion_tokens bigint not null,
  credits numeric not null,
  primary key (user_id, day)
)
with (fillfactor = 80);

comment on table public.usage_daily is
'What a user consumed on each day (UTC), up to the last run of the rollup. Outlives the logs.';

alter table public.usage_daily enable row level security;
revoke all on table public.usage_daily from anon, authenticated, service_role;
grant select on table public.usage_daily to authenticated, service_role;

create policy usage_daily_select_own on public.usage_daily for select to authenticated
using (user_id = (select private.caller()));

create table private.usage_series (
  hour timestamptz primary key,
  requests bigint not null,
  tokens bigint not null,
  credits numeric not null
)
with (fillfactor = 80);

comment on table private.usage_series is
'usage_hourly added up over everybody, for the dashboard''s series. Keeps what was consumed by '
'people who were erased since.';

alter table private.usage_series enable row level security;

create table public.account_usage (
  user_id text primary key references public.accounts (user_id) on delete cascade,
  user_type text not null,
  name text not null,
  requests bigint not null default 0,
  prompt_tokens bigint not null default 0,
  completion_tokens bigint not null default 0,
  total_tokens bigint not null generated always as (prompt_tokens + completion_tokens) stored,
  credits numeric not null default 0,
  last_active_at timestamptz,
  revenue numeric not null default 0,
  revenue_by_currency jsonb not null default '{}',
  payment_count integer not null default 0,
  constraint payment_count_is_not_negative check (payment_count >= 0)
)
-- The usage page reads indexes alone, which works on pages vacuumed since they changed.
with (autovacuum_vacuum_scale_factor = 0.02);

comment on table public.account_usage is
'One row per account: what it consumed since it was made, up to the last run of the rollup, and '
'what it paid, up to now. Made with the account.';
comment on column public.account_usage.user_type is 'As in accounts, for the filter.';
comment on column public.account_usage.name is
'What the account is sorted by: its display_name, else email, else user_id, in lower case and cut '
'at 400 characters, which an index can hold.';
comment on column public.account_usage.revenue is
'What was paid and not refunded, summed over all currencies: good for an order and nothing else.';
comment on column public.account_usage.payment_count is
'Purchases of which something stays paid.';

create index account_usage_by_last_active
on public.account_usage (last_active_at desc nulls last, user_id) include (user_type);
create index account_usage_by_credits
on public.account_usage (credits desc, user_id) include (user_type);
create index account_usage_by_tokens
on public.account_usage (total_tokens desc, user_id) include (user_type);
create index account_usage_by_requests
on public.account_usage (requests desc, user_id) include (user_type);
create index account_usage_by_revenue
on public.account_usage (revenue desc, user_id) include (user_type);
create index account_usage_by_name
on public.account_usage (name, user_id) include (user_type);

alter table public.account_usage enable row level security;
revoke all on table public.account_usage from anon, authenticated, service_role;
grant select on table public.account_usage to authenticated, service_role;

create policy account_usage_select_own on public.account_usage for select to authenticated
using (user_id = (select private.caller()));

create table private.rollup_watermark (
  is_the_only_row boolean primary key default true,
  counted_until xid8 not null default '0',
  constraint there_is_one_row check (is_the_only_row)
);

comment on table private.rollup_watermark is
'Where the rollups stand: logs of transactions before this one are counted, the others are not. '
'Whoever counts holds the row.';

alter table private.rollup_watermark enable row level security;

insert into private.rollup_watermark default values;

create table private.overview_totals (
  user_type text not null,
  measure text not null,
  total numeric not null,
  primary key (user_type, measure)
)
with (fillfactor = 50);

comment on table private.overview_totals is
'account_usage added up by type of user: users, requests, tokens, credits, and revenue:<currency>. '
'So a total over everybody costs nothing. The changes that wait in overview_changes come on top.';

alter table private.overview_totals enable row level security;

create table private.overview_changes (
  id bigint generated always as identity primary key,
  user_type text not null,
  measure text not null,
  amount numeric not null
);

comment on table private.overview_changes is
'What changed the totals beside the rollup: new accounts, revenue, another type of user. The next '
'run adds it up. A row of its own each, so that nobody waits for a row that everybody changes.';

alter table private.overview_changes enable row level security;

create type public.usage_overview as (
  rows jsonb,
  total_rows bigint,
  total_users bigint,
  total_requests bigint,
  total_tokens bigint,
  total_credits numeric,
  total_revenue jsonb,
  fresh_as_of timestamptz
);

comment on type public.usage_overview is
'A page of accounts with what they consumed and paid, and totals over all accounts that match.';

create type private.usage_sum as (
  user_id text,
  hour timestamptz,
  requests bigint,
  prompt_tokens bigint,
  completion_tokens bigint,
  credits numeric,
  last_active_at timestamptz
);

comment on type private.usage_sum is
'Logs of one user, added up; of one hour, or of all with a null hour.';

-- Accounts have their row from the beginning.

create function private.overview_name(account public.accounts)
returns text
language sql
immutable
security invoker
set search_path = ''
as $$
  select left(lower(coalesce(account.display_name, account.email, account.user_id)), 400);
$$;

comment on function private.overview_name(public.accounts) is 'What an account is sorted by.';

create function private.make_account_usage()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into public.account_usage (user_id, user_type, name)
  values (new.user_id, new.user_type, private.overview_name(new));
  return null;
end
$$;

comment on function private.make_account_usage() is
'Trigger: a new account has used nothing. Definer: whoever makes an account need not be able to '
'write rollups.';

create trigger accounts_have_their_usage
after insert on public.accounts
for each row execute function private.make_account_usage();

create function private.update_account_usage()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  update public.account_usage as a
  set user_type = new.user_type, name = private.overview_name(new)
  where a.user_id = new.user_id;
  return null;
end
$$;

comment on function private.update_account_usage() is
'Trigger: the usage page finds an account by its name and type of now. Definer: as for a new one.';

create trigger accounts_tell_their_usage
after update of email, display_name, user_type on public.accounts
for each row when (
  old.email is distinct from new.email
  or old.display_name is distinct from new.display_name
  or old.user_type <> new.user_type
)
execute function private.update_account_usage();

create function private.change_overview(usage public.account_usage, factor integer)
returns void
language sql
security invoker
set search_path = ''
as $$
  insert into private.overview_changes (user_type, measure, amount)
  select usage.user_type, m.measure, factor * m.amount
  from (
    values
    ('users', 1::numeric),
    ('requests', usage.requests),
    ('tokens', usage.total_tokens),
    ('credits', usage.credits)
    union all
    select 'revenue:' || r.key, r.value::numeric
    from jsonb_each_text(usage.revenue_by_currency) as r
  ) as m (measure, amount)
  where m.amount <> 0;
$$;

comment on function private.change_overview(public.account_usage, integer) is
'Adds an account with all that it used and paid to the totals (factor 1), or takes it out (-1).';

create function private.change_overview_with_account()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if tg_op <> 'INSERT' then
    perform private.change_overview(old, -1);
  end if;
  if tg_op <> 'DELETE' then
    perform private.change_overview(new, 1);
  end if;
  return null;
end
$$;

comment on function private.change_overview_with_account() is
'Trigger: the totals follow accounts that come, go or change their type. Definer: as for a new '
'account.';

create trigger account_usage_comes_and_goes
after insert or delete on public.account_usage
for each row execute function private.change_overview_with_account();

create trigger account_usage_changes_its_type
after update of user_type on public.account_usage
for each row when (old.user_type <> new.user_type)
execute function private.change_overview_with_account();

-- Counting.

create function private.usage_between(since xid8, until xid8)
returns setof private.usage_sum
language sql
stable
security invoker
set search_path = ''
as $$
  select
    l.user_id,
    date_trunc('hour', l.created_at, 'UTC'),
    count(*),
    sum(l.prompt_tokens)::bigint,
    sum(l.completion_tokens)::bigint,
    sum(l.credits),
    max(l.created_at)
  from public.usage_logs as l
  where l.xact_id >= since and l.xact_id < until
  group by 1, 2
  -- As the indexes are, which are quicker to add to in their order.
  order by 1, 2;
$$;

comment on function private.usage_between(xid8, xid8) is
'The logs of the transactions from one up to another, added up by user and hour.';

create function private.hold_account_usage(sums private.usage_sum[])
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
-- The rows of a batch are found by their keys, however many accounts there are.
set enable_seqscan = off
as $$
declare
  v_users text [] := array(select distinct s.user_id from unnest(sums) as s order by 1);
  v_held_count bigint;
begin
  select count(*) into v_held_count
  from (
    select
    from public.account_usage as a
    where a.user_id = any(v_users)
    for no key update skip locked
  ) as held;
  -- Logs of somebody without an account hold nobody up.
  return v_held_count = cardinality(v_users)
    or v_held_count = (select count(*) from public.account_usage where user_id = any(v_users));
end
$$;

comment on function private.hold_account_usage(private.usage_sum[]) is
'Locks the rows of all these users; false when somebody holds one, for whom nobody waits.';

create function private.add_to_series(sums private.usage_sum[])
returns void
language sql
security invoker
set search_path = ''
as $$
  insert into public.usage_hourly as h (
    user_id, hour, requests, prompt_tokens, completion_tokens, credits
  )
  select s.user_id, s.hour, s.requests, s.prompt_tokens, s.completion_tokens, s.credits
  from unnest(sums) as s
  on conflict on constraint usage_hourly_pkey do update
  set
    requests = h.requests + excluded.requests,
    prompt_tokens = h.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = h.completion_tokens + excluded.completion_tokens,
    credits = h.credits + excluded.credits;

  insert into public.usage_daily as d (
    user_id, day, requests, prompt_tokens, completion_tokens, credits
  )
  select
    s.user_id,
    (s.hour at time zone 'UTC')::date,
    sum(s.requests),
    sum(s.prompt_tokens),
    sum(s.completion_tokens),
    sum(s.credits)
  from unnest(sums) as s
  group by 1, 2
  order by 1, 2
  on conflict on constraint usage_daily_pkey do update
  set
    requests = d.requests + excluded.requests,
    prompt_tokens = d.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = d.completion_tokens + excluded.completion_tokens,
    credits = d.credits + excluded.credits;

  insert into private.usage_series as e (hour, requests, tokens, credits)
  select
    s.hour, sum(s.requests), sum(s.prompt_tokens + s.completion_tokens), sum(s.credits)
  from unnest(sums) as s
  group by 1
  order by 1
  on conflict on constraint usage_series_pkey do update
  set
    requests = e.requests + excluded.requests,
    tokens = e.tokens + excluded.tokens,
    credits = e.credits + excluded.credits;
$$;

comment on function private.add_to_series(private.usage_sum[]) is
'Adds sums by user and hour to the hours and days of each, and to the hours of everybody.';

create function private.add_to_accounts(sums private.usage_sum[])
returns void
language sql
security invoker
set search_path = ''
as $$
  with users as materialized (
    select
      s.user_id,
      sum(s.requests) as requests,
      sum(s.prompt_tokens) as prompt_tokens,
      sum(s.completion_tokens) as completion_tokens,
      sum(s.credits) as credits,
      max(s.last_active_at) as last_active_at
    from unnest(sums) as s
    group by s.user_id
    order by s.user_id
  ),
  counted as (
    update public.account_usage as a
    set
      requests = a.requests + u.requests,
      prompt_tokens = a.prompt_tokens + u.prompt_tokens,
      completion_tokens = a.completion_tokens + u.completion_tokens,
      credits = a.credits + u.credits,
      last_active_at = greatest(a.last_active_at, u.last_active_at)
    from users as u
    where a.user_id = u.user_id
    returning
      a.user_type, u.requests, u.prompt_tokens + u.completion_tokens as tokens, u.credits
  )

  insert into private.overview_totals as o (user_type, measure, total)
  select c.user_type, m.measure, sum(m.amount)
  from counted as c
  cross join lateral (
    values ('requests', c.requests), ('tokens', c.tokens), ('credits', c.credits)
  ) as m (measure, amount)
  group by 1, 2
  on conflict on constraint overview_totals_pkey do update
  set total = o.total + excluded.total;
$$;

comment on function private.add_to_accounts(private.usage_sum[]) is
'Adds sums to the accounts that they are of, whose rows are held, and to the totals.';

create function private.add_up_overview_changes(batch integer)
returns integer
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_count integer;
begin
  with added as (
    delete from private.overview_changes as c
    where c.id in (select d.id from private.overview_changes as d order by d.id limit batch)
    returning c.user_type, c.measure, c.amount
  ),
  counted as (
    insert into private.overview_totals as o (user_type, measure, total)
    select a.user_type, a.measure, sum(a.amount)
    from added as a
    group by 1, 2
    on conflict on constraint overview_totals_pkey do update
    set total = o.total + excluded.total
  )
  select count(*) into v_count from added;
  return v_count;
end
$$;

comment on function private.add_up_overview_changes(integer) is
'Moves up to `batch` changes that wait into the totals. Returns how many.';

create function private.next_cut(since xid8, until xid8, batch integer)
returns xid8
language sql
stable
security invoker
set search_path = ''
as $$
  select (l.xact_id::text::bigint + 1)::text::xid8
  from public.usage_logs as l
  where l.xact_id >= since and l.xact_id < until
  order by l.xact_id
  offset greatest(batch, 1) - 1
  limit 1;
$$;

comment on function private.next_cut(xid8, xid8, integer) is
'The end of the transaction that the batch-th log from `since` on belongs to, as the next '
'transaction''s id; null when there are fewer logs up to `until`.';

create function private.roll_up_usage(
  batch integer, out done_count integer, out next_deadline_at timestamptz
)
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_since xid8;
  v_until xid8;
  v_cut xid8;
  v_sums private.usage_sum [];
begin
  done_count := 0;
  select w.counted_until into v_since from private.rollup_watermark as w for update skip locked;
  if not found then
    return;
  end if;
  if private.add_up_overview_changes(10000) = 10000 then
    next_deadline_at := clock_timestamp();
  end if;
  -- What the following statements see is at least as new.
  select pg_snapshot_xmin(pg_current_snapshot()) into v_until;
  if v_since > pg_snapshot_xmax(pg_current_snapshot()) then
    raise warning 'transaction ids began anew: private.rebuild_usage_rollups() has to be run';
  end if;
  v_cut := private.next_cut(v_since, v_until, batch);
  v_until := coalesce(v_cut, v_until);
  v_sums := array(select s from private.usage_between(v_since, v_until) as s);
  if cardinality(v_sums) = 0 then
    return;
  end if;
  if not private.hold_account_usage(v_sums) then
    next_deadline_at := clock_timestamp() + interval '1 second';
    return;
  end if;
  perform private.add_to_series(v_sums);
  perform private.add_to_accounts(v_sums);
  update private.rollup_watermark set counted_until = v_until;
  select sum(s.requests) into done_count from unnest(v_sums) as s;
  if v_cut is not null then
    next_deadline_at := clock_timestamp();
  end if;
end
$$;

comment on function private.roll_up_usage(integer) is
'Sweep: counts the logs from the watermark on whose transactions are over, about `batch` of them, '
'whole transactions, and moves the watermark. Answers how many, and when to come again (null = no '
'matter when). Nothing is done where somebody else counts; idempotent.';

create function private.rebuild_usage_rollups()
returns bigint
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_sums private.usage_sum [];
  v_now xid8;
begin
  -- Nobody records or counts meanwhile.
  lock table public.usage_logs in share row exclusive mode;
  v_sums := array(
    select s
    from private.rollup_watermark as w
    cross join lateral private.usage_between(w.counted_until, '18446744073709551615') as s
  );
  perform from public.account_usage for no key update;
  perform private.add_to_series(v_sums);
  perform private.add_to_accounts(v_sums);
  select pg_snapshot_xmin(pg_current_snapshot()) into v_now;
  update public.usage_logs set xact_id = '3' where xact_id >= v_now;
  update private.rollup_watermark set counted_until = v_now;
  update private.activity_watermark set over_xact = v_now;
  return coalesce((select sum(s.requests) from unnest(v_sums) as s), 0);
end
$$;

comment on function private.rebuild_usage_rollups() is
'For an operator who has restored a dump into a new cluster, where transaction ids began anew, '
'before anybody records there: counts what the dump had not counted, and marks all logs as '
'counted. Answers how many it counted.';

create function private.drop_old_usage_logs()
returns bigint
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_until timestamptz :=
    private.later(clock_timestamp(), -(select usage_log_retention from private.settings));
  v_uncounted_from xid8 := (select counted_until from private.rollup_watermark);
  v_month record;
  v_count bigint := 0;
begin
  perform private.move_strays('usage_logs', 'month');
  -- All are counted before the first is dropped: from then on everybody waits.
  for v_month in select m.* from private.partitions_before('usage_logs', 'month', v_until) as m
  loop
    if private.drop_partition('usage_logs', v_month.name, v_uncounted_from) then
      v_count := v_count + v_month.row_count;
    end if;
  end loop;
  return v_count;
end
$$;

comment on function private.drop_old_usage_logs() is
'Sweep: drops the months of logs that are older than usage_log_retention as a whole, those among '
'the strays included, once every log in them is counted. Returns how many logs went. Idempotent; '
'what is locked stays for the next time.';

create function private.forget_old_hours(batch integer)
returns integer
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_until timestamptz :=
    private.later(clock_timestamp(), -(select usage_log_retention from private.settings));
  v_count integer;
begin
  delete from public.usage_hourly as h
  where h.ctid = any(array(
    select o.ctid
    from public.usage_hourly as o
    where o.hour < v_until
    limit batch
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function private.forget_old_hours(integer) is
'Sweep: removes up to `batch` hours older than usage_log_retention; days and accounts keep what '
'they added up to. Returns how many. Idempotent.';

-- Totals, exact to the instant.

create function private.usage_tail()
returns private.usage_sum[]
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  -- Known when the query is planned: as a part of it, a third of all logs would be expected.
  v_since xid8 := (select w.counted_until from private.rollup_watermark as w);
begin
  return array(
    select row(
      l.user_id,
      null,
      count(*),
      sum(l.prompt_tokens)::bigint,
      sum(l.completion_tokens)::bigint,
      sum(l.credits),
      max(l.created_at)
    )::private.usage_sum
    from public.usage_logs as l
    where l.xact_id >= v_since
    group by l.user_id
  );
end
$$;

comment on function private.usage_tail() is
'The logs that are not counted yet, added up by user. Together with the rollups of the same '
'snapshot it is everything.';

create function private.total_overview(user_type text, tail private.usage_sum[])
returns public.usage_overview
language sql
stable
security invoker
set search_path = ''
as $$
  with parts as (
    select o.user_type, o.measure, o.total as amount from private.overview_totals as o
    union all
    select c.user_type, c.measure, c.amount from private.overview_changes as c
    union all
    select a.user_type, m.measure, m.amount
    from unnest(tail) as t
    inner join public.account_usage as a on a.user_id = t.user_id
    cross join lateral (
      values
      ('requests', t.requests::numeric),
      ('tokens', t.prompt_tokens + t.completion_tokens),
      ('credits', t.credits)
    ) as m (measure, amount)
  ),
  sums as (
    select
      p.measure,
      sum(p.amount) as total,
      coalesce(
        sum(p.amount) filter (
          where total_overview.user_type is null or p.user_type = total_overview.user_type
        ),
        0
      ) as matching
    from parts as p
    group by p.measure
  )

  select row(
    null,
    coalesce(sum(s.matching) filter (where s.measure = 'users'), 0),
    coalesce(sum(s.total) filter (where s.measure = 'users'), 0),
    coalesce(sum(s.matching) filter (where s.measure = 'requests'), 0),
    coalesce(sum(s.matching) filter (where s.measure = 'tokens'), 0),
    coalesce(sum(s.matching) filter (where s.measure = 'credits'), 0),
    coalesce(
      jsonb_object_agg(split_part(s.measure, ':', 2), s.matching)
      filter (where s.measure like 'revenue:%' and s.matching <> 0),
      '{}'
    ),
    null
  )::public.usage_overview
  from sums as s;
$$;

comment on function private.total_overview(text, private.usage_sum[]) is
'The totals over all accounts, or those of one type (null = both), without rows: rollups and tail, '
'to be taken in one snapshot.';

-- Changes are told to administrators.

create table private.usage_watch (
  is_the_only_row boolean primary key default true,
  watched_until timestamptz not null default '-infinity',
  constraint there_is_one_row check (is_the_only_row)
)
with (fillfactor = 10);

comment on table private.usage_watch is
'Until when the worker looks by itself and needs no hint. Apart from what it announced, because a '
'charge that hints may stay open for long.';

alter table private.usage_watch enable row level security;

insert into private.usage_watch default values;

create table private.usage_announcements (
  is_the_only_row boolean primary key default true,
  looked_at timestamptz not null default '-infinity',
  took interval not null default '0',
  totals jsonb not null,
  constraint there_is_one_row check (is_the_only_row)
)
with (fillfactor = 10);

comment on table private.usage_announcements is
'What administrators were told last. Accounts that come tell nobody, so total_users is not in it. '
'Whoever announces holds the row.';
comment on column private.usage_announcements.looked_at is
'When they were told last, or when a look took long.';
comment on column private.usage_announcements.took is 'How long the look of then took.';

alter table private.usage_announcements enable row level security;

insert into private.usage_announcements (totals)
select
  to_jsonb(private.total_overview(null, '{}'))
  - '{rows,total_rows,total_users,fresh_as_of}'::text[];

create function private.hint_usage_changed()
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  if exists (
    select from private.usage_watch as w
    where w.watched_until between v_now and v_now + interval '1 second'
  ) then
    return;
  end if;
  -- Whoever holds the row may roll back or take long, so without it we tell all the same.
  update private.usage_watch as w
  set watched_until = v_now + interval '1 second'
  from (select from private.usage_watch for no key update skip locked) as ours;
  perform realtime.send(jsonb_build_object('at', v_now), 'usage:changed', 'worker', true);
end
$$;

comment on function private.hint_usage_changed() is
'Tells the worker that usage or revenue changed, about once a second however often it is called; '
'waits for nobody. Called once by each statement that charges.';

create function private.add_revenue(
  user_id text, currency text, amount numeric, paid_change integer
)
returns void
language sql
security invoker
set search_path = ''
as $$
  with paid as (
    update public.account_usage as a
    set
      revenue = a.revenue + amount,
      revenue_by_currency = case
        when coalesce((a.revenue_by_currency ->> currency)::numeric, 0) + amount = 0
          then a.revenue_by_currency - currency
        else a.revenue_by_currency || jsonb_build_object(
          currency, coalesce((a.revenue_by_currency ->> currency)::numeric, 0) + amount
        )
      end,
      payment_count = a.payment_count + paid_change
    where a.user_id = add_revenue.user_id
    returning a.user_type
  )

  insert into private.overview_changes (user_type, measure, amount)
  select paid.user_type, 'revenue:' || currency, amount from paid;

  select private.hint_usage_changed();
$$;

comment on function private.add_revenue(text, text, numeric, integer) is
'Books what a user whose account is locked paid (negative: got back), and by how much the number '
'of their purchases of which something stays paid changes (1, 0 or -1).';

create function private.announce_overview(
  out done_count integer, out next_deadline_at timestamptz
)
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_refresh interval := (select admin_refresh from private.settings);
  v_pause interval;
  v_last private.usage_announcements;
  v_now timestamptz;
  v_overview public.usage_overview;
  v_totals jsonb;
begin
  done_count := 0;
  select * into v_last from private.usage_announcements for no key update skip locked;
  v_now := clock_timestamp();
  if v_last.totals is null then
    next_deadline_at := v_now + v_refresh;
    return;
  end if;
  -- Where nothing can be counted a look gets slow, and whoever is due waits for it.
  v_pause := greatest(v_refresh, 4 * v_last.took);
  -- Not after the last one means that the server's clock was set back.
  if v_now between v_last.looked_at and private.later(v_last.looked_at, v_pause) then
    next_deadline_at := private.later(v_last.looked_at, v_pause);
    return;
  end if;
  v_overview := private.total_overview(null, private.usage_tail());
  v_totals := to_jsonb(v_overview) - '{rows,total_rows,total_users,fresh_as_of}'::text [];
  if v_totals <> v_last.totals then
    perform realtime.send(
      v_totals || jsonb_build_object(
        'at', v_now, 'total_users', v_overview.total_users, 'fresh_as_of', v_now
      ),
      'usage:changed', 'admin:usage', true
    );
    done_count := 1;
  end if;
  v_last.took := clock_timestamp() - v_now;
  v_pause := greatest(v_refresh, 4 * v_last.took);
  if done_count = 1 or v_pause > v_refresh then
    update private.usage_announcements
    set looked_at = v_now, took = v_last.took, totals = v_totals;
  end if;
  -- A write that found us watching may commit a moment later.
  if
    done_count = 1
    or v_now < (select w.watched_until + interval '1 second' from private.usage_watch as w)
  then
    next_deadline_at := private.later(v_now, v_pause);
  end if;
end
$$;

comment on function private.announce_overview() is
'Sweep: sends usage:changed with the totals to admin:usage when they are not those that were sent '
'last, at most once per admin_refresh. Answers whether it did, and when to look again: while '
'charges are hinted at and for a second longer, each admin_refresh, or four times as long as a '
'look takes; else null.';
