-- Erasing somebody: what is theirs goes, what is money stays without them.
--
-- Locks: plans, settings (what changes them visits rooms in an order of its own), the account (for
-- update: nobody else of this user is at work), their rooms one after the other, the watermark of
-- activity, their sessions, the turn of session_daily, the rest, the watermark of logs. Whoever
-- waited for the account finds none, as if there had never been one.

create function private.erase_from_room(session_id uuid, user_id text)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_turn private.room_turn := private.lock_room(session_id, user_id);
  v_is_stored boolean;
begin
  select k.check_at is null into v_is_stored
  from private.rooms as k
  where k.session_id = erase_from_room.session_id;
  if v_turn.status = 'live' then
    if v_turn.standing = 'in' then
      perform private.depart_room(v_turn, user_id);
    end if;
    -- As long as it would have lived, although the row that says so goes.
    update private.rooms as k
    set erased_seen_at = private.last_activity(k.session_id)
    where k.session_id = erase_from_room.session_id;
    if user_id = (
      select r.host_id from public.reading_sessions as r where r.id = erase_from_room.session_id
    ) then
      perform private.close_room(session_id, v_turn.at, null);
      perform private.announce_room('session:ended', session_id, v_turn.at);
    end if;
  elsif not v_is_stored then
    perform private.expire_room(session_id, v_turn.at, private.room_expires_at(session_id));
  end if;
  update public.reading_sessions as r
  set host_id = ''
  where r.id = erase_from_room.session_id and r.host_id = erase_from_room.user_id;
  update private.rooms as k
  set host_id = case when k.host_id = erase_from_room.user_id then '' else k.host_id end
  where k.session_id = erase_from_room.session_id;
  delete from public.session_participants as p
  where p.session_id = erase_from_room.session_id and p.user_id = erase_from_room.user_id;
  delete from private.room_members as m
  where m.session_id = erase_from_room.session_id and m.user_id = erase_from_room.user_id;
end
$$;

comment on function private.erase_from_room(uuid, text) is
'Takes somebody out of a room as if they left, and removes that they ever were there. A room that '
'they host passes on, or ends when nobody else is in.';

create function private.erase_rooms(user_id text)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_session_id uuid;
  v_count integer := 0;
begin
  for v_session_id in
    select m.session_id
    from private.room_members as m
    where m.user_id = erase_rooms.user_id
    order by m.session_id
  loop
    perform private.erase_from_room(v_session_id, user_id);
    v_count := v_count + 1;
  end loop;
  return jsonb_build_object('rooms', v_count);
end
$$;

comment on function private.erase_rooms(text) is
'Erases somebody whose account is locked from all rooms that they ever were in. Answers how many.';

create function private.erase_sessions(user_id text)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_tracked_ids uuid[];
  v_metered_count integer;
  v_event_count integer;
begin
  v_tracked_ids := array(
    select s.id from public.user_sessions as s where s.user_id = erase_sessions.user_id for update
  );
  -- A statement of its own: it sees what whoever held a session has logged.
  delete from public.session_events as e where e.session_id = any(v_tracked_ids);
  get diagnostics v_event_count = row_count;
  v_event_count := v_event_count
    + private.erase_awaiting('session_events', 'session_id', v_tracked_ids);
  delete from public.user_sessions as s where s.user_id = erase_sessions.user_id;
  -- Nobody adds up meanwhile.
  perform from private.session_rollup_turn for update;
  delete from private.session_changes as c where c.user_id = erase_sessions.user_id;
  delete from public.session_daily as d where d.user_id = erase_sessions.user_id;
  delete from public.usage_sessions as s where s.user_id = erase_sessions.user_id;
  get diagnostics v_metered_count = row_count;
  return jsonb_build_object(
    'usage_sessions', v_metered_count,
    'user_sessions', cardinality(v_tracked_ids),
    'session_events', v_event_count
  );
end
$$;

comment on function private.erase_sessions(text) is
'Removes the metered and tracked sessions of somebody whose account is locked, with their '
'stretches, sections, events and what they add up to. Answers how many.';

create function private.erase_ledger(user_id text, at timestamptz)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_purchase_count integer;
  v_grant_count integer;
  v_line_count integer;
  v_hold_count integer;
begin
  -- What was left goes, as when a lot expires.
  insert into public.credit_usage (user_id, grant_id, kind, credits, created_at)
  select g.user_id, g.id, 'expiry', g.remaining, at
  from public.credit_grants as g
  where g.user_id = erase_ledger.user_id and g.remaining > 0;
  delete from private.live_lots as l where l.user_id = erase_ledger.user_id;
  delete from private.overdrafts as o where o.user_id = erase_ledger.user_id;
  delete from private.credit_balances as b where b.user_id = erase_ledger.user_id;
  delete from private.usage_refunds as r where r.user_id = erase_ledger.user_id;
  delete from private.idempotency_keys as k where k.user_id = erase_ledger.user_id;
  delete from public.credit_holds as h where h.user_id = erase_ledger.user_id;
  get diagnostics v_hold_count = row_count;
  update public.credit_usage as u set user_id = null where u.user_id = erase_ledger.user_id;
  get diagnostics v_line_count = row_count;
  update public.credit_grants as g
  set user_id = null, remaining = 0
  where g.user_id = erase_ledger.user_id;
  get diagnostics v_grant_count = row_count;
  update public.credit_purchases as p
  set
    user_id = null,
    provider_ref = private.erased_reference(p.provider, p.provider_ref)
    -- Another's webhook of this reference may have waited for the erasure of the first.
    || case
      when private.erased_purchase(p.provider, p.provider_ref) is null then ''
      else ':' || p.id
    end
  where p.user_id = erase_ledger.user_id;
  get diagnostics v_purchase_count = row_count;
  return jsonb_build_object(
    'credit_holds', v_hold_count,
    'credit_usage_kept', v_line_count,
    'credit_grants_kept', v_grant_count,
    'credit_purchases_kept', v_purchase_count
  );
end
$$;

comment on function private.erase_ledger(text, timestamptz) is
'Leaves of the credits of somebody whose account is locked what is money, without them: purchases '
'by the hash of their reference, lots and ledger lines. Answers how many went and stayed.';

create function private.erase_logs(user_id text)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_log_count integer;
begin
  -- Nobody counts meanwhile.
  perform from private.rollup_watermark for update;
  insert into private.usage_series as e (hour, requests, tokens, credits)
  select
    date_trunc('hour', l.created_at, 'UTC'), count(*),
    sum(l.prompt_tokens::bigint + l.completion_tokens), sum(l.credits)
  from public.usage_logs as l
  where
    l.user_id = erase_logs.user_id
    and l.xact_id >= (select w.counted_until from private.rollup_watermark as w)
  group by 1
  on conflict on constraint usage_series_pkey do update
  set
    requests = e.requests + excluded.requests,
    tokens = e.tokens + excluded.tokens,
    credits = e.credits + excluded.credits;
  delete from public.usage_logs as l where l.user_id = erase_logs.user_id;
  get diagnostics v_log_count = row_count;
  v_log_count := v_log_count
    + private.erase_awaiting('usage_logs', 'user_id', array[erase_logs.user_id]);
  delete from public.usage_hourly as h where h.user_id = erase_logs.user_id;
  delete from public.usage_daily as d where d.user_id = erase_logs.user_id;
  delete from private.thread_totals as t where t.user_id = erase_logs.user_id;
  return jsonb_build_object('usage_logs', v_log_count);
end
$$;

comment on function private.erase_logs(text) is
'Removes the usage logs of somebody whose account is locked and what they add up to. The series '
'over everybody keeps them, counted or not. Answers how many logs.';

create function private.keep_activity(user_id text, at timestamptz)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_counted_until date;
begin
  -- Nobody counts meanwhile, and what is counted stays.
  select w.counted_until into v_counted_until from private.activity_watermark as w for update;
  insert into private.activity_counted as c (step, since, active_users, sessions, active_time)
  select 'day', a.*
  from private.activity_since(
    'day', v_counted_until::timestamp at time zone 'UTC', at, keep_activity.user_id
  ) as a
  union all
  select 'hour', a.*
  from private.activity_since(
    'hour', date_trunc('hour', at, 'UTC') - interval '24 hours', at, keep_activity.user_id
  ) as a
  on conflict on constraint activity_counted_pkey do update
  set
    active_users = c.active_users + excluded.active_users,
    sessions = c.sessions + excluded.sessions,
    active_time = c.active_time + excluded.active_time;
end
$$;

comment on function private.keep_activity(text, timestamptz) is
'Adds what somebody did who is about to be erased, in days and hours that are not counted, to what '
'is kept of nobody in particular.';

create function public.erase_user(user_id text)
returns jsonb
language plpgsql
security definer
set search_path = ''
-- PostgREST gives the whole call so long, as long as a client of Supabase may wait.
set statement_timeout = '60s'
as $$
declare
  v_turn private.usage_turn;
  v_counts jsonb;
  v_notification_count integer;
begin
  perform private.check_user_id('user_id', user_id);
  perform private.hold_plans_still();
  perform from private.settings for share;
  perform from public.accounts as a where a.user_id = erase_user.user_id for update;
  if not found then
    return jsonb_build_object(
      'accounts', 0, 'rooms', 0, 'usage_sessions', 0, 'user_sessions', 0, 'session_events', 0,
      'usage_logs', 0, 'credit_holds', 0, 'credit_usage_kept', 0, 'credit_grants_kept', 0,
      'credit_purchases_kept', 0, 'notifications', 0
    );
  end if;
  v_turn := private.lock_usage(user_id);
  if (v_turn.session).id is not null then
    perform private.store_end(private.ended(v_turn.session, 'closed', v_turn.at), v_turn.at);
  end if;
  v_counts := private.erase_rooms(user_id);
  perform private.keep_activity(user_id, v_turn.at);
  v_counts := v_counts
    || private.erase_sessions(user_id)
    || private.erase_ledger(user_id, v_turn.at)
    || private.erase_logs(user_id);
  -- In the order in which the worker takes them to book deliveries.
  perform from public.notifications as n
  where n.user_id = erase_user.user_id
  order by n.id
  for update;
  delete from public.notifications as n where n.user_id = erase_user.user_id;
  get diagnostics v_notification_count = row_count;
  delete from public.accounts as a where a.user_id = erase_user.user_id;
  perform private.hint_usage_changed();
  return v_counts
    || jsonb_build_object('accounts', 1, 'notifications', v_notification_count);
end
$$;

comment on function public.erase_user(text) is
'[service] Removes all that is stored of a person and answers counts. Live sessions end, rooms '
'that they host pass on or end. Purchases, lots and ledger lines stay without them, the purchases '
'by a hash of their reference, so that a late webhook finds its purchase; sums over everybody '
'stay. Who is unknown: zeros. Raises invalid_argument, payload_too_large. Definer: back ends write '
'no table.';

grant execute on function public.erase_user(text) to service_role;
