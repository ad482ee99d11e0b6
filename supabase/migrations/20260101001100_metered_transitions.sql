-- Transitions of metered sessions: start, sign of life, pause, resume, hand-off, stop, and the
-- sweep.
--
-- Locks, in this order: plans (hold_plans_still), the account, the session. Each transition begins
-- with lock_usage, which takes the last two, reads the clock and stores an end that was due; it
-- ends with record_transition and an event. A heartbeat is none: it locks its session only.

create function private.announce_usage(
  event text, user_id text, session_id uuid, at timestamptz, details jsonb default '{}'
)
returns public.usage_state
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_state public.usage_state := private.usage_state_at(user_id, at, session_id);
begin
  perform realtime.send(
    jsonb_build_object(
      'version', v_state.version,
      'at', v_state.server_time,
      'state', to_jsonb(v_state) - 'end_token'
    ) || details,
    event,
    'user:' || user_id,
    true
  );
  return v_state;
end
$$;

comment on function private.announce_usage(text, text, uuid, timestamptz, jsonb) is
'Sends a session:* event with the whole state to the user''s topic, without the end token, and '
'returns that state.';

create function private.announce_deadline(deadline timestamptz, at timestamptz)
returns void
language sql
security invoker
set search_path = ''
as $$
  select realtime.send(
    jsonb_build_object('at', at, 'deadline', deadline), 'deadline:changed', 'worker', true
  );
$$;

comment on function private.announce_deadline(timestamptz, timestamptz) is
'Tells the worker of a deadline that may be nearer than those it knows of.';

create function private.record_transition(user_id text, at timestamptz)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  update public.accounts set version = version + 1, changed_at = at
  where accounts.user_id = record_transition.user_id;
end
$$;

comment on function private.record_transition(text, timestamptz) is
'Counts a transition of a user whose account is locked.';

create function private.add_usage(user_id text, since timestamptz, until timestamptz)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_anchor timestamptz;
  v_length interval;
  v_period record;
begin
  update public.usage_totals as t
  set used = t.used + (least(until, t.period_ends_at) - greatest(since, t.period_started_at))
  where
    t.user_id = add_usage.user_id
    and t.period_started_at < until
    and t.period_ends_at > since
    and since < until;
  select a.period_anchor, p.period into v_anchor, v_length
  from public.accounts as a
  inner join public.plans as p on p.id = a.plan_id
  where a.user_id = add_usage.user_id;
  v_period := private.period_at(v_anchor, v_length, since);
  loop
    perform private.ensure_total(user_id, v_length, v_period.started_at, v_period.ends_at);
    exit when v_period.ends_at >= until;
    v_period := private.period_at(v_anchor, v_length, v_period.ends_at);
  end loop;
end
$$;

comment on function private.add_usage(text, timestamptz, timestamptz) is
'Adds a stretch that was just closed to the totals of the periods that it lies in, each part to '
'its own, and makes the totals that the plan of now lacks.';

create function private.ensure_total(
  user_id text, period interval, period_started_at timestamptz, period_ends_at timestamptz
)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  update public.usage_totals as t
  set period = ensure_total.period
  where
    t.user_id = ensure_total.user_id
    and t.period_started_at = ensure_total.period_started_at
    and t.period_ends_at = ensure_total.period_ends_at
    and interval_send(t.period) <> interval_send(ensure_total.period);
  if not found and not exists (
    select from public.usage_totals as t
    where
      t.user_id = ensure_total.user_id
      and t.period_started_at = ensure_total.period_started_at
      and t.period_ends_at = ensure_total.period_ends_at
  ) then
    insert into public.usage_totals (user_id, period_started_at, period_ends_at, period, used)
    values (
      user_id, period_started_at, period_ends_at, period,
      private.sum_of_intervals(user_id, period_started_at, period_ends_at)
    );
  end if;
end
$$;

comment on function private.ensure_total(text, interval, timestamptz, timestamptz) is
'Makes the total of a period where it is missing, from all closed stretches; one that a plan with '
'another period of the same bounds has left is taken over.';

create function private.close_stretch(session_id uuid, ended_at timestamptz)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_stretch public.usage_intervals;
begin
  update public.usage_intervals as i
  set ended_at = close_stretch.ended_at
  where i.session_id = close_stretch.session_id and i.ended_at is null
  returning * into v_stretch;
  if found then
    perform private.add_usage(v_stretch.user_id, v_stretch.started_at, v_stretch.ended_at);
  end if;
end
$$;

comment on function private.close_stretch(uuid, timestamptz) is
'Closes the open active stretch of a session, if there is one, and charges it.';

create function private.store_session(session public.usage_sessions)
returns void
language sql
security invoker
set search_path = ''
as $$
  update public.usage_sessions
  set
    status = session.status,
    device_id = session.device_id,
    end_token = session.end_token,
    active_since = session.active_since,
    paused_at = session.paused_at,
    ended_at = session.ended_at,
    active_time = session.active_time,
    expires_at = session.expires_at,
    cap_at = session.cap_at,
    -- A row that has just stopped being active still knows what it was to tell of.
    warn_at = case when session.status = 'active' then session.warn_at end
  where id = session.id;
$$;

comment on function private.store_session(public.usage_sessions) is
'Writes what a transition may change of a session that is locked.';

create function private.store_end(session public.usage_sessions, at timestamptz)
returns public.usage_state
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_state public.usage_state;
begin
  perform private.store_session(session);
  perform private.close_stretch(session.id, session.ended_at);
  perform private.record_transition(session.user_id, at);
  perform private.warn_of_usage(session, session.warn_at, session.ended_at, at);
  v_state := private.announce_usage(
    'session:closed', session.user_id, session.id, at,
    jsonb_build_object(
      'reason', case session.status when 'closed' then 'stopped' else session.status end
    )
  );
  perform private.tell_of_end(session, session, at);
  return v_state;
end
$$;

comment on function private.store_end(public.usage_sessions, timestamptz) is
'Stores the end of a locked session (a row as private.ended makes it), charges it and tells its '
'user, also of what it has reached and of an end that nobody asked for.';

create function private.next_instant(previous timestamptz)
returns timestamptz
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  return greatest(clock_timestamp(), previous + interval '1 microsecond');
end
$$;

comment on function private.next_instant(timestamptz) is
'The instant of the next transition of a locked account or room, given that of the one before: '
'now, and later than that even if the clock was set back.';

create function private.usage_turn_of(user_id text)
returns private.usage_turn
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_account public.accounts;
  v_turn private.usage_turn;
  v_session public.usage_sessions;
begin
  v_account := private.lock_account(user_id);
  select * into v_session
  from public.usage_sessions as s
  -- Nobody's, where the account was erased while this waited.
  where s.user_id = v_account.user_id and s.ended_at is null
  for no key update;
  v_turn.at := private.next_instant(v_account.changed_at);
  v_turn.session := v_session;
  v_session := private.settled(v_session, v_turn.at);
  if v_session.ended_at is not null then
    perform private.store_end(v_session, v_turn.at);
    v_turn.session := null;
  end if;
  return v_turn;
end
$$;

comment on function private.usage_turn_of(text) is
'Locks a user''s account and live session, then reads the clock: the instant of the transition '
'that follows, later than the one before. Stores the end of a session that was due. The session is '
'null when none is live. For a transaction that holds plans still already, or changes them.';

create function private.lock_usage(user_id text)
returns private.usage_turn
language plpgsql
security invoker
set search_path = ''
as $$
begin
  perform private.hold_plans_still();
  return private.usage_turn_of(user_id);
end
$$;

comment on function private.lock_usage(text) is
'private.usage_turn_of with plans held still: how a transition begins.';

create function private.check_limit(user_id text, at timestamptz)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_terms private.usage_terms := private.terms_of(user_id, at);
begin
  if v_terms.closed_usage >= make_interval(secs => v_terms.limit_seconds) then
    raise sqlstate 'PT402' using
      message = 'usage_limit_reached',
      detail = format('All %s seconds of this period are used.', v_terms.limit_seconds),
      hint = format('The next period starts at %s.', v_terms.period_ends_at);
  end if;
end
$$;

comment on function private.check_limit(text, timestamptz) is
'Raises PT402 usage_limit_reached when nothing is left for a user who has no active session.';

create function private.activated(session public.usage_sessions, at timestamptz)
returns public.usage_sessions
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_terms private.usage_terms := private.terms_of(session.user_id, at);
begin
  session.status := 'active';
  session.active_since := at;
  session.paused_at := null;
  session.expires_at := private.later(at, (select session_ttl from private.settings));
  session.cap_at := private.reach_instant(
    v_terms.anchor, v_terms.period, make_interval(secs => v_terms.limit_seconds), at,
    v_terms.closed_usage
  );
  session.warn_at := private.warn_instant(v_terms, at, v_terms.closed_usage);
  return session;
end
$$;

comment on function private.activated(public.usage_sessions, timestamptz) is
'The row of a new or paused session once its clock runs from this instant. The caller holds plans '
'still, for the cap.';

create function private.paused(session public.usage_sessions, at timestamptz)
returns public.usage_sessions
language plpgsql
security invoker
set search_path = ''
as $$
begin
  session.status := 'paused';
  session.paused_at := at;
  session.active_time := session.active_time + (at - session.active_since);
  session.active_since := null;
  session.cap_at := null;
  session.expires_at := private.later(at, (select paused_session_ttl from private.settings));
  return session;
end
$$;

comment on function private.paused(public.usage_sessions, timestamptz) is
'The row of an active session once its clock stands from this instant.';

create function private.open_stretch(session public.usage_sessions)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  insert into public.usage_intervals (session_id, user_id, started_at)
  values (session.id, session.user_id, session.active_since);
  -- Makes the period's total where it is missing, so that each heartbeat finds it.
  perform private.add_usage(session.user_id, session.active_since, session.active_since);
end
$$;

comment on function private.open_stretch(public.usage_sessions) is
'Opens an active stretch of a stored session.';

create function private.check_device(session public.usage_sessions, device_id text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if device_id <> session.device_id then
    raise sqlstate 'PT409' using
      message = 'session_active_elsewhere',
      detail = 'Another device holds the live session.',
      hint = 'Start with take_over to move the session here.';
  end if;
end
$$;

comment on function private.check_device(public.usage_sessions, text) is
'Raises PT409 session_active_elsewhere unless the device holds the session. A null device is not '
'checked.';

create function private.unchanged_state(
  user_id text, at timestamptz, session_id uuid, device_id text
)
returns public.usage_state
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_session public.usage_sessions := private.own_session(user_id, session_id);
begin
  if (private.settled(v_session, at)).ended_at is null then
    perform private.check_device(v_session, device_id);
  end if;
  return private.usage_state_at(user_id, at, session_id);
end
$$;

comment on function private.unchanged_state(text, timestamptz, uuid, text) is
'What a sign of life answers that changed nothing: the state of a paused or ended session. Raises '
'PT404 session_not_found, PT409 session_active_elsewhere.';

create function private.check_live(
  live public.usage_sessions, user_id text, session_id uuid, device_id text
)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if session_id is distinct from live.id then
    perform private.own_session(user_id, session_id);
    perform private.raise_session_closed();
  end if;
  perform private.check_device(live, device_id);
end
$$;

comment on function private.check_live(public.usage_sessions, text, uuid, text) is
'Raises unless the session asked for is the live one given and the device holds it: PT404 '
'session_not_found, PT409 session_closed or session_active_elsewhere.';

create function private.own_session(user_id text, session_id uuid)
returns public.usage_sessions
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_session public.usage_sessions;
begin
  select * into v_session
  from public.usage_sessions as s
  where s.id = own_session.session_id and s.user_id = own_session.user_id;
  if not found then
    perform private.raise_session_not_found();
  end if;
  return v_session;
end
$$;

comment on function private.own_session(text, uuid) is
'The metered session of a user as it is stored. Raises PT404 session_not_found: the same for an '
'unknown id and for somebody else''s.';

create function private.check_session_arguments(session_id uuid, device_id text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  perform private.check_given('session_id', session_id is not null);
  perform private.check_text('device_id', device_id);
end
$$;

comment on function private.check_session_arguments(uuid, text) is
'Raises PT422 invalid_argument or PT413 payload_too_large.';

create function private.start_session(
  user_id text, device_id text, take_over boolean, metadata jsonb
)
returns public.usage_state
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_turn private.usage_turn;
  v_session public.usage_sessions;
  v_state public.usage_state;
begin
  perform private.ensure_account(user_id);
  v_turn := private.lock_usage(user_id);
  v_session := v_turn.session;
  if v_session.id is not null then
    return private.rejoin_session(v_session, v_turn.at, device_id, take_over);
  end if;
  v_session.id := gen_random_uuid();
  v_session.user_id := user_id;
  v_session.device_id := coalesce(device_id, 'default');
  v_session.end_token := gen_random_uuid();
  v_session.metadata := metadata;
  v_session.started_at := v_turn.at;
  v_session.active_time := interval '0';
  perform private.check_limit(user_id, v_turn.at);
  v_session := private.activated(v_session, v_turn.at);
  insert into public.usage_sessions select v_session.*;
  perform private.open_stretch(v_session);
  perform private.record_transition(user_id, v_turn.at);
  perform private.announce_deadline(
    least(v_session.expires_at, v_session.cap_at, v_session.warn_at), v_turn.at
  );
  v_state := private.announce_usage('session:created', user_id, v_session.id, v_turn.at);
  perform private.warn_of_usage(v_session, v_turn.at, v_turn.at, v_turn.at);
  return v_state;
end
$$;

comment on function private.start_session(text, text, boolean, jsonb) is
'Starts a metered session, or rejoins the live one. A null device is whichever holds the live '
'session, else ''default''.';

create function private.rejoin_session(
  session public.usage_sessions, at timestamptz, device_id text, take_over boolean
)
returns public.usage_state
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_is_moved boolean := take_over and device_id <> session.device_id;
  v_warn_at timestamptz := session.warn_at;
  v_state public.usage_state;
begin
  if session.status = 'paused' then
    perform private.check_limit(session.user_id, at);
  end if;
  if v_is_moved then
    if session.status = 'active' then
      session := private.paused(session, at);
      perform private.close_stretch(session.id, at);
    end if;
    session.device_id := device_id;
    session.end_token := gen_random_uuid();
  end if;
  perform private.check_device(session, device_id);
  if session.status = 'active' then
    session.expires_at := private.later(at, (select session_ttl from private.settings));
    perform private.store_session(session);
    return private.usage_state_at(session.user_id, at, session.id);
  end if;
  session := private.activated(session, at);
  perform private.store_session(session);
  perform private.open_stretch(session);
  perform private.record_transition(session.user_id, at);
  perform private.announce_deadline(
    least(session.expires_at, session.cap_at, session.warn_at), at
  );
  v_state := private.announce_usage('session:updated', session.user_id, session.id, at);
  perform private.warn_of_usage(session, least(v_warn_at, at), at, at);
  return v_state;
end
$$;

comment on function private.rejoin_session(public.usage_sessions, timestamptz, text, boolean) is
'A sign of life for the locked live session that also resumes it and, with take_over, moves it to '
'another device, where a stretch of its own begins. Raises PT402 usage_limit_reached, PT409 '
'session_active_elsewhere. The caller holds plans still.';

create function private.resume_session(
  user_id text, session_id uuid, device_id text, is_end_an_answer boolean
)
returns public.usage_state
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_turn private.usage_turn;
begin
  v_turn := private.lock_usage(user_id);
  perform private.own_session(user_id, session_id);
  if session_id is distinct from (v_turn.session).id then
    if is_end_an_answer then
      return private.usage_state_at(user_id, v_turn.at, session_id);
    elsif (v_turn.session).status is distinct from 'active' then
      perform private.check_limit(user_id, v_turn.at);
    end if;
  end if;
  perform private.check_live(v_turn.session, user_id, session_id, null);
  return private.rejoin_session(v_turn.session, v_turn.at, device_id, false);
end
$$;

comment on function private.resume_session(text, uuid, text, boolean) is
'Resumes a paused session; a sign of life for an active one. A session that ended is PT409 '
'session_closed or, where an end is an answer, its final state.';

create function private.stop_session(user_id text, session_id uuid, device_id text)
returns public.usage_state
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_turn private.usage_turn := private.lock_usage(user_id);
  v_live public.usage_sessions := v_turn.session;
begin
  if coalesce(session_id, v_live.id) = v_live.id then
    perform private.check_device(v_live, device_id);
    return private.store_end(private.ended(v_live, 'closed', v_turn.at), v_turn.at);
  elsif session_id is not null then
    perform private.own_session(user_id, session_id);
  end if;
  return private.usage_state_at(user_id, v_turn.at, session_id);
end
$$;

comment on function private.stop_session(text, uuid, text) is
'Ends the session asked for (null = the live one) at once. One that had ended answers its final '
'state. Raises PT404 session_not_found, PT409 session_active_elsewhere.';

create function public.start_usage_session(
  device_id text default null, take_over boolean default false, metadata jsonb default '{}'
)
returns public.usage_state
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
begin
  perform private.check_text('device_id', device_id);
  perform private.check_object('metadata', metadata);
  perform private.check_given('take_over', take_over is not null);
  return private.start_session(v_caller, coalesce(device_id, 'default'), take_over, metadata);
end
$$;

comment on function public.start_usage_session(text, boolean, jsonb) is
'[user] Starts a metered session. The device that holds the live one gets that one, resumed if it '
'was paused; another gets session_active_elsewhere or, with take_over, the session itself and a '
'new end token. Raises usage_limit_reached, not_signed_in, invalid_argument, payload_too_large. '
'Definer: clients write no table.';

grant execute on function public.start_usage_session(text, boolean, jsonb)
to authenticated, service_role;

create function public.heartbeat_usage_session(session_id uuid, device_id text default null)
returns public.usage_state
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller();
  v_now timestamptz;
  v_session public.usage_sessions;
  v_terms private.usage_terms;
begin
  -- As few calls as possible, here and below: this is what is called most.
  if v_caller is null or session_id is null or char_length(device_id) > 512 then
    perform private.caller_id();
    perform private.check_session_arguments(session_id, device_id);
  end if;
  -- A statement of its own: the next one sees what whoever had the lock has left, and the clock
  -- after it.
  perform from public.usage_sessions as s
  where s.id = heartbeat_usage_session.session_id and s.user_id = v_caller
  for no key update;
  v_now := clock_timestamp();
  update public.usage_sessions as s
  set
    expires_at = (
      greatest(v_now, s.active_since) at time zone 'UTC'
      + (select session_ttl from private.settings)
    ) at time zone 'UTC'
  where
    s.id = heartbeat_usage_session.session_id
    and s.user_id = v_caller
    and s.status = 'active'
    and least(s.expires_at, s.cap_at) > v_now
    and coalesce(heartbeat_usage_session.device_id, s.device_id) = s.device_id
  returning * into v_session;
  if not found then
    return private.unchanged_state(v_caller, v_now, session_id, device_id);
  end if;
  v_terms := private.terms_of(v_caller, v_now);
  return private.usage_state(
    v_session,
    v_terms.closed_usage + greatest(
      v_now - greatest(v_session.active_since, v_terms.period_started_at), interval '0'
    ),
    v_terms,
    v_now
  );
end
$$;

comment on function public.heartbeat_usage_session(uuid, text) is
'[user] A sign of life: the session expires session_ttl from now. Changes nothing on a paused '
'session; of one that ended it answers the final state. Raises session_not_found, '
'session_active_elsewhere, not_signed_in, invalid_argument, payload_too_large. Definer: clients '
'write no table.';

grant execute on function public.heartbeat_usage_session(uuid, text)
to authenticated, service_role;

create function public.pause_usage_session(session_id uuid, device_id text default null)
returns public.usage_state
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
  v_turn private.usage_turn;
  v_session public.usage_sessions;
begin
  perform private.check_session_arguments(session_id, device_id);
  v_turn := private.lock_usage(v_caller);
  v_session := v_turn.session;
  perform private.check_live(v_session, v_caller, session_id, device_id);
  if v_session.status = 'paused' then
    return private.usage_state_at(v_caller, v_turn.at, session_id);
  end if;
  v_session := private.paused(v_session, v_turn.at);
  perform private.store_session(v_session);
  perform private.close_stretch(v_session.id, v_turn.at);
  perform private.record_transition(v_caller, v_turn.at);
  perform private.warn_of_usage(v_session, v_session.warn_at, v_turn.at, v_turn.at);
  return private.announce_usage('session:updated', v_caller, session_id, v_turn.at);
end
$$;

comment on function public.pause_usage_session(uuid, text) is
'[user] Stops the clock of the session; resuming restarts it. A pause longer than '
'paused_session_ttl ends it as expired, at the pause. Again: nothing changes. Raises '
'session_not_found, session_closed, session_active_elsewhere, not_signed_in, invalid_argument, '
'payload_too_large. Definer: clients write no table.';

grant execute on function public.pause_usage_session(uuid, text) to authenticated, service_role;

create function public.resume_usage_session(session_id uuid, device_id text default null)
returns public.usage_state
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
begin
  perform private.check_session_arguments(session_id, device_id);
  return private.resume_session(v_caller, session_id, device_id, false);
end
$$;

comment on function public.resume_usage_session(uuid, text) is
'[user] Restarts the clock of a paused session; on an active one it is a sign of life. Raises '
'usage_limit_reached, session_not_found, session_closed, session_active_elsewhere, not_signed_in, '
'invalid_argument, payload_too_large. Definer: clients write no table.';

grant execute on function public.resume_usage_session(uuid, text) to authenticated, service_role;

create function public.stop_usage_session(session_id uuid)
returns public.usage_state
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
begin
  perform private.check_session_arguments(session_id, null);
  return private.stop_session(v_caller, session_id, null);
end
$$;

comment on function public.stop_usage_session(uuid) is
'[user] Ends the session at once, from any device of the user. The answer is final; again it is '
'the same. Raises session_not_found, not_signed_in, invalid_argument. Definer: clients write no '
'table.';

grant execute on function public.stop_usage_session(uuid) to authenticated, service_role;

create function public.usage_ping(
  active boolean, session_id uuid default null, device_id text default null
)
returns public.usage_state
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
begin
  perform private.check_given('active', active is not null);
  perform private.check_text('device_id', device_id);
  if not active then
    return private.stop_session(v_caller, session_id, device_id);
  elsif session_id is null then
    return private.start_session(v_caller, device_id, false, '{}');
  end if;
  return private.resume_session(v_caller, session_id, device_id, true);
end
$$;

comment on function public.usage_ping(boolean, uuid, text) is
'[user] The one-endpoint form. true: a sign of life for the session, which resumes it if it was '
'paused; without an id it starts one. false: stops it, without an id the live one. Raises what '
'start, resume, heartbeat and stop raise. Definer: clients write no table.';

grant execute on function public.usage_ping(boolean, uuid, text) to authenticated, service_role;

create function public.end_session_with_token(end_token uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id text;
  v_turn private.usage_turn;
begin
  select s.user_id into v_user_id
  from public.usage_sessions as s
  where s.end_token = end_session_with_token.end_token;
  if found then
    v_turn := private.lock_usage(v_user_id);
    if (v_turn.session).end_token = end_token then
      perform private.store_end(private.ended(v_turn.session, 'closed', v_turn.at), v_turn.at);
    end if;
  else
    perform private.end_user_session_by_token(end_token);
  end if;
end
$$;

comment on function public.end_session_with_token(uuid) is
'[token] Ends the metered or tracked session that owns the token; an unknown, null or spent token '
'does nothing. Made for navigator.sendBeacon, which cannot send headers. Raises nothing. Definer: '
'the caller need not be signed in.';

grant execute on function public.end_session_with_token(uuid)
to anon, authenticated, service_role;

-- The sweep.

create function private.close_due_sessions(
  batch integer default 1000, out done_count integer, out next_deadline_at timestamptz
)
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_session public.usage_sessions;
  v_ended public.usage_sessions;
  v_account public.accounts;
  v_at timestamptz;
begin
  done_count := 0;
  for v_session in
    select s.*
    from public.usage_sessions as s
    where s.ended_at is null and least(s.expires_at, s.cap_at, s.warn_at) <= clock_timestamp()
    order by least(s.expires_at, s.cap_at, s.warn_at)
    limit batch
    for no key update skip locked
  loop
    -- The other way round than everybody else, and so without ever waiting.
    select * into v_account
    from public.accounts as a
    where a.user_id = v_session.user_id
    for no key update skip locked;
    continue when not found;
    v_at := greatest(
      private.next_instant(v_account.changed_at),
      least(v_session.expires_at, v_session.cap_at, v_session.warn_at)
    );
    v_ended := private.settled(v_session, v_at);
    if v_ended.ended_at is not null then
      perform private.store_end(v_ended, v_at);
    else
      perform private.warn_session(v_session, v_at);
    end if;
    done_count := done_count + 1;
  end loop;
  select min(least(s.expires_at, s.cap_at, s.warn_at)) into next_deadline_at
  from public.usage_sessions as s
  where s.ended_at is null;
end
$$;

comment on function private.close_due_sessions(integer) is
'Sweep: of up to `batch` sessions whose deadline has passed, the most overdue first, stores the '
'end or warns of what they have reached, and tells their users. Idempotent; skips what somebody '
'else has locked, so that any number may run at once. Answers how many it did and the next '
'deadline of what is live: one in the past means that there is more to do.';
