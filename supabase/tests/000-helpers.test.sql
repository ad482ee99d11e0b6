-- Helpers of the tests, in a schema of their own that no migration knows. pg_prove runs this file first, as a
-- test of its own, and what it makes stays for the files that follow.

create schema if not exists tests;
grant usage on schema tests to anon, authenticated, service_role;

create or replace function tests.sign_in_as(person text)
returns void language sql set search_path = '' as $$
  select
    set_config('role', 'authenticated', true),
    set_config('request.jwt.claims', json_build_object('sub', person, 'role', 'authenticated')::text, true);
$$;
comment on function tests.sign_in_as(text) is 'From here on a signed-in user acts, as PostgREST sets it up.';

create or replace function tests.act_as(role text)
returns void language sql set search_path = '' as $$
  select
    set_config('role', act_as.role, true),
    set_config('request.jwt.claims', json_build_object('role', act_as.role)::text, true);
$$;
comment on function tests.act_as(text) is 'From here on anon or service_role acts, with a key that is nobody''s.';

create or replace function tests.sign_in_as_admin(person text)
returns void language sql set search_path = '' as $$
  select
    set_config('role', 'authenticated', true),
    set_config(
      'request.jwt.claims',
      json_build_object(
        'sub', person, 'role', 'authenticated', 'app_metadata', json_build_object('role', 'admin')
      )::text,
      true
    );
$$;
comment on function tests.sign_in_as_admin(text) is 'From here on a signed-in administrator acts.';

create or replace function tests.sign_out()
returns void language sql set search_path = '' as $$
  select set_config('role', 'none', true), set_config('request.jwt.claims', '', true);
$$;
comment on function tests.sign_out() is 'From here on the owner of the schema acts again.';

create or replace function tests.age_credits(user_id text, by interval)
returns void language plpgsql set search_path = '' as $$
begin
  perform private.lock_account(age_credits.user_id);
  update public.credit_grants as g
  set created_at = private.later(g.created_at, -by), expires_at = private.later(g.expires_at, -by)
  where g.user_id = age_credits.user_id;
  update private.live_lots as l
  set created_at = private.later(l.created_at, -by), expires_at = private.later(l.expires_at, -by)
  where l.user_id = age_credits.user_id;
  update public.credit_usage as u set created_at = private.later(u.created_at, -by)
  where u.user_id = age_credits.user_id;
  update private.overdrafts as o set created_at = private.later(o.created_at, -by)
  where o.user_id = age_credits.user_id;
  update public.credit_holds as h
  set created_at = private.later(h.created_at, -by), expires_at = private.later(h.expires_at, -by)
  where h.user_id = age_credits.user_id;
  update private.credit_balances as b
  set
    next_due_at = private.later(b.next_due_at, -by),
    period_started_at = private.later(b.period_started_at, -by),
    period_ends_at = private.later(b.period_ends_at, -by),
    last_used_at = private.later(b.last_used_at, -by)
  where b.user_id = age_credits.user_id;
  update public.credit_purchases as p
  set
    created_at = private.later(p.created_at, -by),
    completed_at = private.later(p.completed_at, -by)
  where p.user_id = age_credits.user_id;
  update public.usage_logs as l
  set created_at = private.later(l.created_at, -by), refunded_at = private.later(l.refunded_at, -by)
  where l.user_id = age_credits.user_id;
  update private.thread_totals as t set last_used_at = private.later(t.last_used_at, -by)
  where t.user_id = age_credits.user_id;
  update private.usage_refunds as r set created_at = private.later(r.created_at, -by)
  where r.user_id = age_credits.user_id;
  update private.idempotency_keys as k set created_at = private.later(k.created_at, -by)
  where k.user_id = age_credits.user_id;
end
$$;
comment on function tests.age_credits(text, interval) is
'The part of tests.age that is about credits and usage logs. Answers that are kept for a retry stay as they were.';

create or replace function tests.age(user_id text, by interval)
returns void language plpgsql set search_path = '' as $$
declare
  v_interval public.usage_intervals;
  v_total public.usage_totals;
  v_told record;
begin
  -- As every transition does, or a sweep beside it could wait for us while we wait for it.
  perform private.lock_account(age.user_id);
  alter table public.accounts disable trigger user;
  update public.accounts as a
  set
    period_anchor = private.later(a.period_anchor, -by),
    changed_at = private.later(a.changed_at, -by),
    created_at = private.later(a.created_at, -by)
  where a.user_id = age.user_id;
  alter table public.accounts enable trigger user;
  update public.usage_sessions as s
  set
    started_at = private.later(s.started_at, -by),
    active_since = private.later(s.active_since, -by),
    paused_at = private.later(s.paused_at, -by),
    ended_at = private.later(s.ended_at, -by),
    expires_at = private.later(s.expires_at, -by),
    cap_at = private.later(s.cap_at, -by),
    warn_at = private.later(s.warn_at, -by)
  where s.user_id = age.user_id;
  -- One by one and the earliest first, so that nothing collides on its way into the past.
  for v_interval in
    select * from public.usage_intervals as i where i.user_id = age.user_id order by i.started_at
  loop
    update public.usage_intervals as i
    set started_at = private.later(i.started_at, -by), ended_at = private.later(i.ended_at, -by)
    where i.session_id = v_interval.session_id and i.started_at = v_interval.started_at;
  end loop;
  for v_total in
    select * from public.usage_totals as t where t.user_id = age.user_id order by t.period_started_at
  loop
    update public.usage_totals as t
    set
      period_started_at = private.later(t.period_started_at, -by),
      period_ends_at = private.later(t.period_ends_at, -by)
    where
      t.user_id = age.user_id
      and t.period_started_at = v_total.period_started_at
      and t.period_ends_at = v_total.period_ends_at;
  end loop;
  for v_told in
    select
      n.id, n.kind,
      private.later((n.payload ->> 'period_started_at')::timestamptz, -by) as started_at,
      private.later((n.payload ->> 'period_ends_at')::timestamptz, -by) as ends_at,
      (n.payload ->> 'percent')::integer as percent
    from public.notifications as n
    where n.user_id = age.user_id and n.kind in ('usage_near_limit', 'usage_percent_reached')
    order by 3
  loop
    update public.notifications as n
    set
      payload = n.payload
        || jsonb_build_object('period_started_at', v_told.started_at, 'period_ends_at', v_told.ends_at),
      dedupe_key = concat_ws(
        ':', n.kind, n.user_id, private.period_key(v_told.started_at, v_told.ends_at, v_told.percent)
      )
    where n.id = v_told.id;
  end loop;
  update public.notifications as n
  set created_at = private.later(n.created_at, -by), kept_until = private.later(n.kept_until, -by)
  where n.user_id = age.user_id;
  update private.session_sections as v
  set entered_at = private.later(v.entered_at, -by)
  from public.user_sessions as s
  where s.id = v.session_id and s.user_id = age.user_id;
  update public.session_events as e
  set
    occurred_at = private.later(e.occurred_at, -by),
    created_at = private.later(e.created_at, -by)
  from public.user_sessions as s
  where s.id = e.session_id and s.user_id = age.user_id;
  -- The sessions that have ended change the days that they are in from now on. Nobody adds up meanwhile.
  perform from private.session_rollup_turn for update;
  delete from public.session_daily as d where d.user_id = age.user_id;
  update public.user_sessions as s
  set
    session_start = private.later(s.session_start, -by),
    session_end = private.later(s.session_end, -by),
    last_seen_at = private.later(s.last_seen_at, -by)
  where s.user_id = age.user_id;
  perform tests.age_credits(age.user_id, by);
end
$$;
comment on function tests.age(text, interval) is
'Lets time pass for one user: all that is stored of them is that much older. The clock itself cannot be moved.';

create or replace function tests.age_room(session_id uuid, by interval)
returns void language plpgsql set search_path = '' as $$
begin
  perform from public.reading_sessions as r where r.id = age_room.session_id for no key update;
  update public.session_participants as p
  set
    joined_at = private.later(p.joined_at, -by),
    last_seen_at = private.later(p.last_seen_at, -by),
    left_at = private.later(p.left_at, -by)
  where p.session_id = age_room.session_id;
  update public.reading_sessions as r
  set created_at = private.later(r.created_at, -by), updated_at = private.later(r.updated_at, -by)
  where r.id = age_room.session_id;
  update private.room_members as m
  set
    first_joined_at = private.later(m.first_joined_at, -by),
    last_seen_at = private.later(m.last_seen_at, -by)
  where m.session_id = age_room.session_id;
  update private.rooms as k
  set
    created_at = private.later(k.created_at, -by),
    check_at = private.later(k.check_at, -by),
    warned_expires_at = private.later(k.warned_expires_at, -by),
    last_activity_at = private.later(k.last_activity_at, -by),
    erased_seen_at = private.later(k.erased_seen_at, -by),
    ended_at = private.later(k.ended_at, -by),
    expired_at = private.later(k.expired_at, -by),
    removed_at = private.later(k.removed_at, -by)
  where k.session_id = age_room.session_id;
end
$$;
comment on function tests.age_room(uuid, interval) is
'Lets time pass for one room: all that is stored of it is that much older, its tombstone included.';

create or replace function tests.log_usage(
  user_id text, credits numeric default 1, tokens integer default 0, age interval default '0',
  xact_id xid8 default pg_current_xact_id(), thread_id text default null
)
returns uuid language plpgsql set search_path = '' as $$
declare
  v_id uuid := gen_random_uuid();
begin
  perform private.ensure_account(log_usage.user_id);
  insert into public.usage_logs (
    id, user_id, thread_id, kind, prompt_tokens, completion_tokens, credits, metadata, created_at, xact_id
  )
  values (
    v_id, log_usage.user_id, log_usage.thread_id, 'completion', tokens, tokens, log_usage.credits, '{}',
    private.later(clock_timestamp(), -age), log_usage.xact_id
  );
  return v_id;
end
$$;
comment on function tests.log_usage(text, numeric, integer, interval, xid8, text) is
'A log and nothing else: no charge, no totals. Of a transaction long ago when told so, so that a rollup may count it.';

create or replace function tests.overview_row(user_id text)
returns jsonb language sql stable set search_path = '' as $$
  select r
  from public.get_usage_overview(page_size => 200) as o
  cross join lateral jsonb_array_elements(o.rows) as r
  where r ->> 'user_id' = overview_row.user_id;
$$;
comment on function tests.overview_row(text) is 'Somebody''s row of the usage page, of a world that fits on one page.';

create or replace function tests.what_is_wrong()
returns text[] language sql set search_path = '' as $$
  select coalesce(array_agg(f.name || f.fault order by f.name), '{}')
  from (
    select
      c ->> 'name' as name,
      case when (c ->> 'ok')::boolean = (c ->> 'hint' is null) then '' else ', where ok and hint differ' end as fault
    from private.health_report() as report, jsonb_array_elements(report.checks) as c
    where not (c ->> 'ok')::boolean or c ->> 'hint' is not null
  ) as f
  where f.name not like 'job:%';
$$;
comment on function tests.what_is_wrong() is
'The checks of the health that are not ok or say what to do, but for jobs: pg_cron runs beside the tests.';

grant execute on all functions in schema tests to anon, authenticated, service_role;

begin;
select plan(1);
select has_function('tests', 'sign_in_as', array['text'], 'the helpers are there');
select * from finish();
rollback;
