-- What is due, of all kinds: one function for pg_cron and the worker, and who ran what.

create table private.job_runs (
  job text not null,
  run_by text not null,
  run_count bigint not null,
  last_run_at timestamptz not null,
  last_done_count integer not null,
  done_count bigint not null,
  next_run_at timestamptz not null,
  primary key (job, run_by),
  constraint run_by_is_known check (run_by in ('cron', 'worker', 'manual'))
);

comment on table private.job_runs is
'Which job was run by whom: how often, when last, and how much it did.';

alter table private.job_runs enable row level security;

create type public.cleanup_stats as (
  total_runs bigint,
  last_run_at timestamptz,
  last_run_by text,
  last_removed integer,
  total_removed bigint
);

comment on type public.cleanup_stats is 'What the cleaning of rooms did so far.';

create function private.record_run(
  job text, run_by text, done_count integer, next_run_at timestamptz
)
returns void
language sql
security invoker
set search_path = ''
as $$
  insert into private.job_runs as j (
    job, run_by, run_count, last_run_at, last_done_count, done_count, next_run_at
  )
  values (job, run_by, 1, clock_timestamp(), done_count, done_count, next_run_at)
  on conflict on constraint job_runs_pkey do update
  set
    run_count = j.run_count + 1,
    last_run_at = greatest(excluded.last_run_at, j.last_run_at),
    last_done_count = excluded.last_done_count,
    done_count = j.done_count + excluded.done_count,
    next_run_at = excluded.next_run_at;
$$;

comment on function private.record_run(text, text, integer, timestamptz) is
'Counts one run of a job, what it did, and when it is due next.';

create function private.run_due_cleanup(batch integer, run_by text)
returns integer
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_removed_count integer;
begin
  if private.next_cleanup_at() > v_now then
    return 0;
  end if;
  v_removed_count := private.remove_dead_rooms(batch);
  perform private.record_run(
    'cleanup_inactive_sessions', run_by, v_removed_count,
    case
      when v_removed_count < batch
        then private.later(v_now, (select cleanup_interval from private.settings))
      else v_now
    end
  );
  return v_removed_count;
end
$$;

comment on function private.run_due_cleanup(integer, text) is
'Removes a batch of dead rooms if cleanup_interval has passed since the last run that left none; '
'answers how many.';

create function private.next_cleanup_at()
returns timestamptz
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(max(j.next_run_at), '-infinity')
  from private.job_runs as j
  where j.job = 'cleanup_inactive_sessions' and j.run_by <> 'manual';
$$;

comment on function private.next_cleanup_at() is
'When dead rooms are to be removed next; -infinity before the first time.';

create function private.run_due(
  batch integer default 1000, out done_count integer, out next_deadline_at timestamptz
)
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_run_by text := case session_user when 'hourglass_worker' then 'worker' else 'cron' end;
  v_metered record := private.close_due_sessions(batch);
  v_rooms record := private.expire_due_rooms(batch);
  v_credits record := private.expire_due_credits(batch);
  v_counted record;
  v_look_at timestamptz;
begin
  done_count := v_metered.done_count + v_rooms.done_count + v_credits.done_count
    + private.run_due_cleanup(batch, v_run_by);
  next_deadline_at := least(
    v_metered.next_deadline_at,
    v_rooms.next_deadline_at,
    v_credits.next_deadline_at,
    private.next_cleanup_at()
  );
  -- Counting takes its time, and what was ended above is locked and untold until this commits: the
  -- worker comes again at once, pg_cron counts in jobs of their own.
  if v_run_by = 'cron' then
    return;
  end if;
  if done_count > 0 then
    next_deadline_at := clock_timestamp();
    return;
  end if;
  v_counted := private.roll_up_usage(batch * 2);
  -- Between two batches of a worker that catches up, the totals would cost more than the batch.
  if (v_counted.next_deadline_at <= clock_timestamp()) is not true then
    select a.next_deadline_at into v_look_at from private.announce_overview() as a;
  end if;
  done_count := v_counted.done_count;
  next_deadline_at := least(next_deadline_at, v_counted.next_deadline_at, v_look_at);
end
$$;

comment on function private.run_due(integer) is
'Does what is due, up to `batch` of each kind: ends metered sessions, warns and expires rooms, '
'removes dead ones, books credits that ran out. When nothing was, the worker also counts usage '
'(twice as many logs) and announces its totals. Idempotent; skips what somebody else has locked, '
'so that any number may run at once. Answers how much it did and the next deadline of all kinds: '
'one in the past means that there is more to do. Definer: the worker cannot write tables.';

grant execute on function private.run_due(integer) to hourglass_worker;

create function private.trim_job_runs(keep interval default '7 days')
returns bigint
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_count bigint;
begin
  delete from cron.job_run_details as d
  using (
    select j.jobid, max(r.runid) filter (where r.status = 'succeeded') as last_success
    from cron.job as j
    inner join cron.job_run_details as r on r.jobid = j.jobid
    where j.jobname like 'hourglass-%'
    group by j.jobid
  ) as ours
  where
    d.jobid = ours.jobid
    and d.end_time <= clock_timestamp() - keep
    -- By it health() tells how late a job is, however long ago it was.
    and d.runid is distinct from ours.last_success;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function private.trim_job_runs(interval) is
'Sweep: removes what pg_cron wrote about runs of our jobs that ended `keep` ago, which it keeps '
'for ever by itself, but for the last success of each. Runs of other jobs are not ours. Answers '
'how many. Idempotent.';

create function private.run_job(job text)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_command text;
  v_answer jsonb;
begin
  select c.command
  into v_command
  from cron.job as c
  where c.jobname = 'hourglass-' || job and c.username = current_user;
  if not found then
    raise sqlstate 'PT404' using
      message = 'job_not_found',
      detail = format('The timetable has no job hourglass-%s.', job),
      hint = 'select jobname from cron.job';
  end if;
  -- The text is the timetable's own. @plpgsql_check_options: security_warnings = off
  execute format('select to_jsonb(ran) from (%s) as ran', v_command) into v_answer;
  return (
    select coalesce(sum(n::bigint), 0)
    from jsonb_path_query(v_answer, '$.**') as n
    where jsonb_typeof(n) = 'number'
  );
end
$$;

comment on function private.run_job(text) is
'Runs a job of the timetable once, now, as pg_cron does, on or off, and answers how much it did. '
'Raises job_not_found. Definer: for the worker, which may do what the timetable says and nothing '
'else; so a job that another role has scheduled under such a name is none of ours.';

grant execute on function private.run_job(text) to hourglass_worker;

create function public.cleanup_inactive_sessions()
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_batch constant integer := 1000;
  v_expired record;
  v_last_count integer;
  v_removed_count integer := 0;
begin
  loop
    -- A room that lives is not even looked at, or a join would wait for the end of all this.
    v_expired := private.expire_due_rooms(v_batch, are_live_left => true);
    v_last_count := private.remove_dead_rooms(v_batch);
    v_removed_count := v_removed_count + v_last_count;
    exit when greatest(v_expired.done_count, v_last_count) < v_batch;
  end loop;
  perform private.record_run(
    'cleanup_inactive_sessions', 'manual', v_removed_count, clock_timestamp()
  );
  return v_removed_count;
end
$$;

comment on function public.cleanup_inactive_sessions() is
'[service] Removes the rooms in which nobody was active for session_timeout, in batches that skip '
'what somebody else has locked, and answers how many. Raises nothing. Definer: back ends write no '
'table.';

grant execute on function public.cleanup_inactive_sessions() to service_role;

create function public.get_cleanup_stats()
returns public.cleanup_stats
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_stats public.cleanup_stats;
begin
  perform private.require_admin();
  select
    coalesce(sum(j.run_count), 0),
    max(j.last_run_at),
    (array_agg(j.run_by order by j.last_run_at desc))[1],
    (array_agg(j.last_done_count order by j.last_run_at desc))[1],
    coalesce(sum(j.done_count), 0)
  into v_stats
  from private.job_runs as j
  where j.job = 'cleanup_inactive_sessions';
  return v_stats;
end
$$;

comment on function public.get_cleanup_stats() is
'[admin] How often dead rooms were removed, by whom last (cron, worker, manual), and how many. '
'Raises not_signed_in, admin_only. Definer: reads what nobody may.';

grant execute on function public.get_cleanup_stats() to authenticated, service_role;
