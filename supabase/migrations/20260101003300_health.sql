-- Health: what an operator would look at first, in one call that stays quick on big data.

create type public.health_report as (
  ok boolean,
  checks jsonb
);

comment on type public.health_report is
'ok = every check is; checks is [{name, ok, detail, hint}], the hint null where all is well.';

create type private.health_check as (
  name text,
  ok boolean,
  detail text,
  hint text
);

comment on type private.health_check is 'What one check found, and what to do if it is not ok.';

create table private.installation (
  is_the_only_row boolean primary key default true,
  installed_at timestamptz not null default clock_timestamp(),
  constraint there_is_one_row check (is_the_only_row)
);

comment on table private.installation is
'When this was installed: a job that never ran is late only when it could have.';

alter table private.installation enable row level security;

insert into private.installation default values;

create function private.cron_period(schedule text)
returns interval
language sql
immutable
security invoker
set search_path = ''
as $$
  select case
    when schedule = '* * * * *' then interval '1 minute'
    when schedule ~ '^\*/\d{1,2} \* \* \* \*$'
      then make_interval(mins => substring(schedule from '\d+')::integer)
    when schedule ~ '^\d+ \* \* \* \*$' then interval '1 hour'
    when schedule ~ '^\d+ \d+ \* \* \*$' then interval '1 day'
  end;
$$;

comment on function private.cron_period(text) is
'How often a job with this schedule runs; null for forms that our timetable does not use.';

create function private.check_jobs(at timestamptz)
returns setof private.health_check
language sql
stable
security invoker
set search_path = ''
as $$
  select
    'job:' || r.jobname,
    r.is_ok,
    case
      when not r.active then 'It is switched off.'
      when r.succeeded_at is null then 'It has not succeeded yet.'
      else format('Last success %s, %s late.', r.succeeded_at, r.late)
    end,
    case
      when not r.active then format('select cron.alter_job(%s, active => true)', r.jobid)
      when not r.is_ok
        then format(
          'Look at: select * from cron.job_run_details where jobid = %s order by runid desc '
          'limit 5. No rows means that pg_cron does not run.',
          r.jobid
        )
    end
  from (
    select
      j.*,
      date_trunc('second', greatest(at - j.due_at, interval '0')) as late,
      j.active and (at - j.due_at <= interval '5 minutes') is not false as is_ok
    from (
      select
        c.jobid, c.jobname, c.active, d.succeeded_at,
        private.later(
          coalesce(d.succeeded_at, i.installed_at), private.cron_period(c.schedule)
        ) as due_at
      from cron.job as c
      cross join private.installation as i
      left join (
        select r.jobid, max(r.end_time) as succeeded_at
        from (
          -- Those of other jobs are kept for ever, and all are found by nothing but their number.
          -- No day has so many.
          select l.jobid, l.status, l.end_time
          from cron.job_run_details as l
          order by l.runid desc
          limit 1000000
        ) as r
        where r.status = 'succeeded'
        group by r.jobid
      ) as d on d.jobid = c.jobid
      where c.jobname like 'hourglass-%'
    ) as j
  ) as r
  order by r.jobname;
$$;

comment on function private.check_jobs(timestamptz) is
'Each job of the timetable: when it succeeded last, and that it is not over 5 minutes late. One '
'that never ran is late from its first turn after the installation.';

create function private.check_partitions(at timestamptz)
returns setof private.health_check
language sql
stable
security invoker
set search_path = ''
as $$
  select
    'partitions:' || n.table_name,
    n.is_there,
    format('%s %s there.', n.name, case when n.is_there then 'is' else 'is not' end),
    case
      when not n.is_there
        then format('select private.make_partitions(%L, %L, 1)', n.table_name, n.step)
    end
  from (
    select t.table_name, t.step, p.name, to_regclass('private.' || p.name) is not null as is_there
    from (values ('session_events', 'week'), ('usage_logs', 'month')) as t (table_name, step)
    cross join lateral (
      select private.partition_name(
        t.table_name, t.step,
        date_trunc(t.step, at at time zone 'UTC') + ('1 ' || t.step)::interval
      ) as name
    ) as p
  ) as n
  union all
  select
    'realtime_partition',
    r.is_there,
    format('realtime.%s %s there.', r.name, case when r.is_there then 'is' else 'is not' end),
    case
      when not r.is_there
        then
          'Events are lost until it is; no answer is wrong. Realtime makes it when a client '
          'connects or its service restarts.'
    end
  from (
    select p.name, exists (
      select from pg_catalog.pg_class as c
      inner join pg_catalog.pg_namespace as s on s.oid = c.relnamespace
      where s.nspname = 'realtime' and c.relname = p.name
    ) as is_there
    from (select 'messages_' || to_char(at at time zone 'UTC', 'YYYY_MM_DD') as name) as p
  ) as r;
$$;

comment on function private.check_partitions(timestamptz) is
'The next partition of each table that is partitioned, and today''s of realtime.messages, without '
'which realtime.send loses events.';

create function private.check_archives(at timestamptz)
returns private.health_check
language sql
stable
security invoker
set search_path = ''
as $$
  select row(
    'archive',
    w.failed_count = 0 and (w.oldest_at < at - interval '1 day') is not true,
    case
      when w.waiting_count = 0 then 'Nothing waits to be archived.'
      else format('%s partitions wait, the oldest since %s.', w.waiting_count, w.oldest_at)
    end || case when w.fault is null then '' else format(' %s: %s', w.name, w.fault) end,
    case
      when w.failed_count > 0
        then 'It stays and is tried again within the hour; to try now: hourglass archive run.'
      when w.oldest_at < at - interval '1 day'
        then
          'No worker with ARCHIVE_URL archives it. Who wants no archive drops the table in '
          'private and its row of private.archives.'
    end
  )::private.health_check
  from (
    select
      count(*) as waiting_count,
      count(a.failed_at) as failed_count,
      min(a.detached_at) as oldest_at,
      (array_agg(a.name order by a.failed_at desc nulls last))[1] as name,
      (array_agg(a.fault order by a.failed_at desc nulls last))[1] as fault
    from private.archives as a
    where a.archived_at is null
  ) as w;
$$;

comment on function private.check_archives(timestamptz) is
'Whether partitions wait to be archived for over a day, or the last try of one failed, and why.';

create function private.sample_percent(table_name text, row_count integer)
returns double precision
language sql
stable
security invoker
set search_path = ''
as $$
  select least(100, 100.0 * row_count / greatest(c.reltuples, 1))
  from pg_catalog.pg_class as c
  where c.oid = table_name::regclass;
$$;

comment on function private.sample_percent(text, integer) is
'Which part of a table has about so many rows, in percent.';

create function private.check_balance_sums()
returns private.health_check
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_percent double precision := private.sample_percent('private.credit_balances', 1000);
  v_found record;
begin
  select
    count(*) as looked_at,
    count(*) filter (where b.balance <> s.lots - s.overdraft or b.held <> s.held) as wrong
  into v_found
  from (
    select o.user_id, o.balance, o.held
    from private.credit_balances as o tablesample system (v_percent)
    -- Of a table that was never analyzed nobody knows how big a part is.
    limit 2000
  ) as b
  cross join lateral (
    select
      (
        select coalesce(sum(g.remaining), 0)
        from private.live_lots as l
        inner join public.credit_grants as g on g.id = l.grant_id
        where l.user_id = b.user_id
      ) as lots,
      (
        select coalesce(sum(o.credits), 0) from private.overdrafts as o where o.user_id = b.user_id
      ) as overdraft,
      (
        select coalesce(sum(h.credits), 0)
        from public.credit_holds as h
        where h.user_id = b.user_id and h.status = 'live'
      ) as held
  ) as s;
  return row(
    'ledger',
    v_found.wrong = 0,
    format('%s of %s balances looked at do not fit.', v_found.wrong, v_found.looked_at),
    case
      when v_found.wrong > 0 then 'select * from private.check_ledger() says which, and where.'
    end
  )::private.health_check;
end
$$;

comment on function private.check_balance_sums() is
'Whether balances are the sum of their lots less what is overdrawn, and held what is on hold: of '
'about 1,000 of them, others each time. private.check_ledger looks at all and further.';

create function private.check_time_sums()
returns private.health_check
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_percent double precision := private.sample_percent('public.usage_totals', 200);
  v_found record;
begin
  select
    count(*) as looked_at,
    count(*) filter (
      where t.used
      <> private.sum_of_intervals(t.user_id, t.period_started_at, t.period_ends_at)
    ) as wrong
  into v_found
  from (
    select o.user_id, o.used, o.period_started_at, o.period_ends_at
    from public.usage_totals as o tablesample system (v_percent)
    limit 400
  ) as t;
  return row(
    'usage_totals',
    v_found.wrong = 0,
    format('%s of %s totals looked at do not fit.', v_found.wrong, v_found.looked_at),
    case
      when v_found.wrong > 0
        then 'A row of usage_totals that is deleted is added up anew from usage_intervals.'
    end
  )::private.health_check;
end
$$;

comment on function private.check_time_sums() is
'Whether totals of metered time are the sum of their stretches: of about 200 of them, others each '
'time.';

create function private.check_sweeps(at timestamptz)
returns setof private.health_check
language sql
stable
security invoker
set search_path = ''
as $$
  select
    o.name,
    (o.due_at < at - interval '5 minutes') is not true,
    case
      when o.due_at <= at then format('The oldest is due since %s.', o.due_at)
      else 'None is due.'
    end,
    case
      when o.due_at < at - interval '5 minutes'
        then 'No answer is wrong, but nobody is told: see the job hourglass-run-due and the worker.'
    end
  from (
    select 'due_sessions' as name, min(least(s.expires_at, s.cap_at, s.warn_at)) as due_at
    from public.usage_sessions as s
    where s.ended_at is null
    union all
    select 'due_rooms', min(k.check_at) from private.rooms as k where k.check_at is not null
    union all
    select 'due_credits', min(b.next_due_at)
    from private.credit_balances as b
    where b.next_due_at < 'infinity'
  ) as o;
$$;

comment on function private.check_sweeps(timestamptz) is
'Whether metered sessions, rooms, and lots and holds of credits wait to be booked for over 5 '
'minutes.';

create function private.check_rollups(at timestamptz)
returns setof private.health_check
language sql
stable
security invoker
set search_path = ''
as $$
  select
    'rollup',
    (l.created_at < at - interval '10 minutes') is not true,
    case
      when l.created_at is null then 'All logs are counted.'
      else format('The oldest log not counted is of %s.', l.created_at)
    end,
    case
      when l.created_at < at - interval '10 minutes'
        then
          'No answer is wrong, but reads get slower. Look for a transaction that stays open: '
          'select * from pg_stat_activity order by xact_start limit 5.'
    end
  from private.rollup_watermark as w
  left join lateral (
    select u.created_at
    from public.usage_logs as u
    where u.xact_id >= w.counted_until
    order by u.xact_id
    limit 1
  ) as l on true
  union all
  select
    'transaction_ids',
    w.counted_until <= x.next_id and a.over_xact <= x.next_id,
    case
      when w.counted_until <= x.next_id and a.over_xact <= x.next_id
        then 'The rollups know no transaction that is still to come.'
      else 'The rollups know transactions that are still to come: this was restored from a dump.'
    end,
    case
      when w.counted_until > x.next_id or a.over_xact > x.next_id
        then 'select private.rebuild_usage_rollups()'
    end
  from private.rollup_watermark as w
  cross join private.activity_watermark as a
  cross join (select pg_snapshot_xmax(pg_current_snapshot()) as next_id) as x;
$$;

comment on function private.check_rollups(timestamptz) is
'Whether logs wait to be counted for over 10 minutes, and whether the watermarks are of this '
'cluster''s transactions: those of a restored dump may be ahead.';

create function private.check_deliveries(at timestamptz)
returns private.health_check
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_found record;
begin
  select
    coalesce(sum(d.pending_count), 0) as pending_count,
    coalesce(sum(d.dead_count), 0) as dead_count,
    min(d.queued_at) as queued_at,
    coalesce(sum(d.dead_count), 0) = 0
    and (min(d.queued_at) < at - interval '15 minutes') is not true as is_ok
  into v_found
  from public.webhook_endpoints as e
  cross join lateral (
    select
      count(*) filter (where w.status = 'pending') as pending_count,
      count(*) filter (where w.status = 'dead') as dead_count,
      min(w.queued_at) filter (where w.status = 'pending') as queued_at
    from private.webhook_deliveries as w
    where w.endpoint_id = e.id and w.status in ('pending', 'dead')
  ) as d
  where e.enabled;
  return row(
    'notifications',
    v_found.is_ok,
    format(
      '%s wait to be delivered%s, %s were given up.',
      v_found.pending_count, ', the oldest since ' || v_found.queued_at, v_found.dead_count
    ),
    case
      when not v_found.is_ok
        then
          'hourglass webhooks list says where and why, hourglass webhooks replay tries again what '
          'was given up. Without a worker nothing is delivered.'
    end
  )::private.health_check;
end
$$;

comment on function private.check_deliveries(timestamptz) is
'Whether notifications wait for over 15 minutes to be delivered to a webhook that is enabled, or '
'were given up.';

create function private.health_report()
returns public.health_report
language plpgsql
stable
security definer
set search_path = ''
set timezone = 'UTC'
set jit = off
as $$
declare
  v_at timestamptz := clock_timestamp();
  v_report public.health_report;
begin
  select bool_and(c.ok), jsonb_agg(to_jsonb(c))
  into v_report
  from (
    select * from private.check_jobs(v_at)
    union all
    select * from private.check_partitions(v_at)
    union all
    select * from private.check_archives(v_at)
    union all
    select * from private.check_balance_sums()
    union all
    select * from private.check_time_sums()
    union all
    select * from private.check_sweeps(v_at)
    union all
    select * from private.check_rollups(v_at)
    union all
    select * from private.check_deliveries(v_at)
  ) as c;
  return v_report;
end
$$;

comment on function private.health_report() is
'Whether all is well, and a row per check: each job''s last success and how late it is, '
'partitions ahead and today''s of Realtime, archives, sums of credits and of time (a sample), what '
'is due and not booked, logs not counted, watermarks of another cluster, notifications not '
'delivered. Definer: the worker, which asks it for `hourglass health`, reads no table.';

grant execute on function private.health_report() to hourglass_worker;

create function public.health()
returns public.health_report
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform private.require_admin();
  return private.health_report();
end
$$;

comment on function public.health() is
'[admin] Whether all is well, and a row per check: see private.health_report. Raises '
'not_signed_in, admin_only. Definer: reads what nobody may.';

grant execute on function public.health() to authenticated, service_role;
