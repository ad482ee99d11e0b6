-- Metered sessions: time that a plan limits, such as a recording, a call or a render.
--
-- What is stored are transitions. What is true now follows from them and the clock: a session whose TTL or
-- cap has passed has ended at that instant, whether or not anything has stored it. `private.settled` is the
-- one place that says so; reads apply it to the row they show, transitions and the sweep store its result.
--
-- Locks, in this order: plans (hold_plans_still), the account, the session. A heartbeat locks its session only.

create table public.usage_sessions (
  id uuid primary key default gen_random_uuid(),
  user_id text not null references public.accounts (user_id),
  status text not null default 'active',
  device_id text not null,
  end_token uuid default gen_random_uuid(),
  metadata jsonb not null default '{}',
  started_at timestamptz not null,
  active_since timestamptz,
  paused_at timestamptz,
  ended_at timestamptz,
  active_time interval not null default '0',
  expires_at timestamptz,
  cap_at timestamptz,
  constraint status_is_known check (status in ('active', 'paused', 'closed', 'expired', 'capped')),
  constraint active_since_is_set_while_active check (
    (status = 'active') = (active_since is not null)
  ),
  constraint paused_at_is_set_while_paused check ((status = 'paused') = (paused_at is not null)),
  constraint ended_at_is_set_once_ended check (
    (status in ('active', 'paused')) = (ended_at is null)
  ),
  constraint ended_at_is_not_before_started_at check (ended_at >= started_at),
  constraint expires_at_is_set_while_live check ((ended_at is null) = (expires_at is not null)),
  constraint end_token_is_set_while_live check ((ended_at is null) = (end_token is not null)),
  constraint cap_at_is_set_only_while_active check (status = 'active' or cap_at is null),
  constraint active_time_is_not_negative check (active_time >= interval '0'),
  constraint metadata_is_an_object check (jsonb_typeof(metadata) = 'object')
)
-- A heartbeat changes expires_at, which no index knows; room on the page keeps that a HOT update.
with (fillfactor = 70);

comment on table public.usage_sessions is
'One row per metered session. At most one live (active or paused) session per user. A live row whose deadline has passed '
'counts as ended everywhere, stored or not.';
comment on column public.usage_sessions.status is
'active, paused, closed (stopped by the user), expired (no sign of life for the TTL) or capped (the limit was reached).';
comment on column public.usage_sessions.device_id is 'The device that holds the session.';
comment on column public.usage_sessions.end_token is
'Capability to stop the session without a JWT; a hand-off makes a new one, the end removes it.';
comment on column public.usage_sessions.active_since is 'Start of the active stretch that is open.';
comment on column public.usage_sessions.active_time is
'Length of the active stretches that are closed, exact.';
comment on column public.usage_sessions.expires_at is
'When a live session expires unless a sign of life comes (active) or it is resumed (paused).';
comment on column public.usage_sessions.cap_at is
'When the limit is reached if the session stays active, period boundaries taken into account; null = never.';

create unique index usage_sessions_one_live_per_user
on public.usage_sessions (user_id) where ended_at is null;
create unique index usage_sessions_end_token_idx
on public.usage_sessions (end_token) where end_token is not null;
create index usage_sessions_newest_first
on public.usage_sessions (user_id, started_at desc, id desc);
create index usage_sessions_latest_end
on public.usage_sessions (user_id, ended_at desc, started_at desc) where ended_at is not null;

alter table public.usage_sessions enable row level security;
revoke all on table public.usage_sessions from anon, authenticated, service_role;
grant select on table public.usage_sessions to authenticated, service_role;

create policy usage_sessions_select_own on public.usage_sessions for select to authenticated
using (user_id = (select auth.jwt() ->> 'sub'));

create table public.usage_intervals (
  session_id uuid not null references public.usage_sessions (id) on delete cascade,
  user_id text not null,
  started_at timestamptz not null,
  ended_at timestamptz,
  primary key (session_id, started_at),
  constraint ended_at_is_not_before_started_at check (ended_at >= started_at),
  constraint active_stretches_of_a_user_never_overlap exclude using gist (
    user_id extensions.gist_text_ops with =, tstzrange(started_at, ended_at) with &&
  )
);

comment on table public.usage_intervals is
'The active stretches of metered sessions: what is charged. A pause or the end closes one; an open one has no ended_at yet.';

alter table public.usage_intervals enable row level security;
revoke all on table public.usage_intervals from anon, authenticated, service_role;
grant select on table public.usage_intervals to authenticated, service_role;

create policy usage_intervals_select_own on public.usage_intervals for select to authenticated
using (user_id = (select auth.jwt() ->> 'sub'));

create table public.usage_totals (
  user_id text not null references public.accounts (user_id) on delete cascade,
  period_started_at timestamptz not null,
  period_ends_at timestamptz not null,
  used interval not null,
  primary key (user_id, period_started_at, period_ends_at),
  constraint period_ends_after_it_started check (period_ends_at > period_started_at),
  constraint used_is_not_negative check (used >= interval '0')
)
with (fillfactor = 80);

comment on table public.usage_totals is
'Closed active time per user and period, so that a state read need not add up intervals. Always equal to the sum over '
'usage_intervals; a row that is missing is that sum.';

alter table public.usage_totals enable row level security;
revoke all on table public.usage_totals from anon, authenticated, service_role;
grant select on table public.usage_totals to authenticated, service_role;

create policy usage_totals_select_own on public.usage_totals for select to authenticated
using (user_id = (select auth.jwt() ->> 'sub'));

create type public.usage_state as (
  session_id uuid,
  status text,
  is_active boolean,
  time_remaining_seconds integer,
  time_remaining_minutes integer,
  total_usage_seconds integer,
  total_usage_minutes integer,
  current_session_seconds integer,
  session_started_at timestamptz,
  session_expires_at timestamptz,
  session_cap_at timestamptz,
  is_valid_for_recording boolean,
  has_reached_limit boolean,
  is_near_limit boolean,
  device_id text,
  end_token uuid,
  limit_seconds integer,
  period_started_at timestamptz,
  period_ends_at timestamptz,
  server_time timestamptz,
  version bigint
);

comment on type public.usage_state is
'What every call about metered sessions answers: the state of a user''s time at server_time. Durations are whole seconds, '
'rounded down.';

create type public.usage_session_summary as (
  id uuid,
  status text,
  device_id text,
  started_at timestamptz,
  ended_at timestamptz,
  active_seconds integer,
  metadata jsonb
);

comment on type public.usage_session_summary is 'A metered session in a list, as it stands now.';

create type private.usage_terms as (
  version bigint,
  anchor timestamptz,
  period interval,
  limit_seconds integer,
  near_limit_seconds integer,
  period_started_at timestamptz,
  period_ends_at timestamptz
);

comment on type private.usage_terms is
'What a user''s plan allows in one accounting period, and the version of the user''s state.';

create type private.usage_turn as (
  at timestamptz,
  session public.usage_sessions
);

comment on type private.usage_turn is
'A transition''s turn: the instant that it takes place at and the live session (null when there is none), both locked for it.';

-- Time: pure functions of their arguments. All calendar arithmetic is done in UTC, because the time zone of
-- a connection is the client's to choose and a day or a month has another length in each.

create function private.later(at timestamptz, by interval)
returns timestamptz
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return (at at time zone 'UTC' + by) at time zone 'UTC';
end
$$;

comment on function private.later(timestamptz, interval) is
'The instant that is `by` after `at`, by the calendar of UTC whatever the connection''s time zone is.';

create function private.whole_seconds(duration interval)
returns integer
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return floor(extract(epoch from duration));
end
$$;

comment on function private.whole_seconds(interval) is 'A duration as the outside sees it: seconds, rounded down.';

create function private.period_at(
  anchor timestamptz, period interval, at timestamptz,
  out started_at timestamptz, out ends_at timestamptz
)
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  v_anchor timestamp := anchor at time zone 'UTC';
  v_at timestamp := at at time zone 'UTC';
  v_index double precision :=
    floor(extract(epoch from v_at - v_anchor) / extract(epoch from period));
begin
  -- The estimate is exact for days and shorter; months and years are off by a few.
  while v_anchor + v_index * period > v_at loop
    v_index := v_index - 1;
  end loop;
  while v_anchor + (v_index + 1) * period <= v_at loop
    v_index := v_index + 1;
  end loop;
  started_at := (v_anchor + v_index * period) at time zone 'UTC';
  ends_at := (v_anchor + (v_index + 1) * period) at time zone 'UTC';
end
$$;

comment on function private.period_at(timestamptz, interval, timestamptz) is
'The accounting period that an instant lies in: [anchor + n x period, anchor + (n + 1) x period), in UTC. Each boundary is '
'counted from the anchor, so that an anchor on the 31st keeps its day in long months.';

create function private.cap_instant(
  anchor timestamptz, period interval, limit_seconds integer, at timestamptz, used interval
)
returns timestamptz
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  v_limit interval := make_interval(secs => limit_seconds);
  v_cap_at timestamptz := private.later(at, greatest(v_limit - used, interval '0'));
  v_period record := private.period_at(anchor, period, at);
begin
  if limit_seconds is null then
    return null;
  end if;
  -- The lengths of 13 periods in a row cover each length that the calendar gives a period.
  for i in 1..13 loop
    if v_cap_at < v_period.ends_at then
      return v_cap_at;
    end if;
    v_cap_at := private.later(v_period.ends_at, v_limit);
    v_period := private.period_at(anchor, period, v_period.ends_at);
  end loop;
  return null;
end
$$;

comment on function private.cap_instant(timestamptz, interval, integer, timestamptz, interval) is
'When a limit is reached by somebody who is active without a break from `at`, having used `used` in the period of that '
'instant. Each boundary gives the whole limit anew. Null = never.';

-- Sessions: what a row says at an instant. Pure functions as well.

create function private.ended(session public.usage_sessions, status text, at timestamptz)
returns public.usage_sessions
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  if session.status = 'active' then
    session.active_time := session.active_time + (at - session.active_since);
  end if;
  session.status := ended.status;
  session.ended_at := at;
  session.active_since := null;
  session.paused_at := null;
  session.expires_at := null;
  session.cap_at := null;
  session.end_token := null;
  return session;
end
$$;

comment on function private.ended(public.usage_sessions, text, timestamptz) is
'The row of a live session as it is once it ended at this instant with this status.';

create function private.settled(session public.usage_sessions, at timestamptz)
returns public.usage_sessions
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  if session.status = 'active' and session.cap_at <= least(session.expires_at, at) then
    return private.ended(session, 'capped', session.cap_at);
  elsif session.status = 'active' and session.expires_at <= at then
    return private.ended(session, 'expired', session.expires_at);
  elsif session.status = 'paused' and session.expires_at <= at then
    return private.ended(session, 'expired', session.paused_at);
  end if;
  return session;
end
$$;

comment on function private.settled(public.usage_sessions, timestamptz) is
'The row of a session as it stands at an instant: ended where a deadline has passed, else unchanged. A session that expires '
'ends at its expiry, a capped one at its cap, a paused one that ran out at its pause.';

-- Reading.

create function private.closed_usage(
  user_id text, period_started_at timestamptz, period_ends_at timestamptz
)
returns interval
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_used interval;
begin
  select t.used into v_used
  from public.usage_totals as t
  where
    t.user_id = closed_usage.user_id
    and t.period_started_at = closed_usage.period_started_at
    and t.period_ends_at = closed_usage.period_ends_at;
  if not found then
    v_used := private.sum_of_intervals(user_id, period_started_at, period_ends_at);
  end if;
  return v_used;
end
$$;

comment on function private.closed_usage(text, timestamptz, timestamptz) is
'The closed active time of a user within a period: the stored total or, where there is none yet, the sum.';

create function private.sum_of_intervals(
  user_id text, period_started_at timestamptz, period_ends_at timestamptz
)
returns interval
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(
    sum(least(i.ended_at, period_ends_at) - greatest(i.started_at, period_started_at)), interval '0'
  )
  from public.usage_intervals as i
  where
    i.user_id = sum_of_intervals.user_id
    and tstzrange(i.started_at, i.ended_at) && tstzrange(period_started_at, period_ends_at)
    and i.ended_at is not null;
$$;

comment on function private.sum_of_intervals(text, timestamptz, timestamptz) is
'The closed active time of a user within a period, added up; found by the index of the exclusion constraint.';

create function private.latest_end(user_id text, since timestamptz)
returns public.usage_sessions
language sql
stable
security invoker
set search_path = ''
as $$
  select s
  from public.usage_sessions as s
  where s.user_id = latest_end.user_id and s.ended_at >= since
  order by s.ended_at desc, s.started_at desc
  limit 1;
$$;

comment on function private.latest_end(text, timestamptz) is
'The session of a user that ended last, at or after an instant; null when there is none.';

create function private.terms_of(user_id text, at timestamptz)
returns private.usage_terms
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_terms private.usage_terms;
begin
  select a.version, a.period_anchor, p.period, p.limit_seconds, p.near_limit_seconds
  into v_terms.version, v_terms.anchor, v_terms.period, v_terms.limit_seconds, v_terms.near_limit_seconds
  from public.accounts as a
  inner join public.plans as p on p.id = a.plan_id
  where a.user_id = terms_of.user_id;
  if not found then
    select 0, at, p.period, p.limit_seconds, p.near_limit_seconds
    into v_terms.version, v_terms.anchor, v_terms.period, v_terms.limit_seconds, v_terms.near_limit_seconds
    from public.plans as p
    where p.is_default;
  end if;
  select * into v_terms.period_started_at, v_terms.period_ends_at
  from private.period_at(v_terms.anchor, v_terms.period, at);
  return v_terms;
end
$$;

comment on function private.terms_of(text, timestamptz) is
'What a user''s plan of now allows in the period of an instant. Who has no account yet has the default plan and a first period '
'that starts at that instant.';

create function private.used_at(
  session public.usage_sessions, terms private.usage_terms, at timestamptz, user_id text
)
returns interval
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_used interval := private.closed_usage(user_id, terms.period_started_at, terms.period_ends_at);
begin
  if session.status = 'active' then
    v_used := v_used + greatest(
      least(session.expires_at, session.cap_at, at, terms.period_ends_at)
      - greatest(session.active_since, terms.period_started_at),
      interval '0'
    );
  end if;
  return v_used;
end
$$;

comment on function private.used_at(public.usage_sessions, private.usage_terms, timestamptz, text) is
'What a user has used at an instant of the period in the terms: the closed stretches and, of the live session given (or null), '
'the open one as far as its deadlines let it run.';

create function private.usage_state_at(user_id text, at timestamptz, session_id uuid default null)
returns public.usage_state
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_terms private.usage_terms := private.terms_of(user_id, at);
  v_live public.usage_sessions;
  v_shown public.usage_sessions;
  v_used interval;
begin
  select * into v_live
  from public.usage_sessions as s
  where s.user_id = usage_state_at.user_id and s.ended_at is null;
  v_used := private.used_at(v_live, v_terms, at, user_id);
  v_shown := private.settled(v_live, at);
  if v_shown.ended_at is not null then
    v_terms.version := v_terms.version + 1;
  end if;
  if session_id is null and (v_shown.id is null or v_shown.ended_at < v_terms.period_started_at) then
    v_shown := private.latest_end(user_id, v_terms.period_started_at);
  elsif session_id <> v_live.id or v_live.id is null then
    select * into v_shown from public.usage_sessions as s where s.id = session_id;
  end if;
  return private.usage_state(v_shown, v_terms, v_used, at);
end
$$;

comment on function private.usage_state_at(text, timestamptz, uuid) is
'A user''s state at an instant, from what is stored and nothing else: the session asked for, else the live one, else the latest '
'that ended in this period. A transition that is due and not stored yet is counted, in the version too.';

create function private.usage_state(
  session public.usage_sessions, terms private.usage_terms, used interval, at timestamptz
)
returns public.usage_state
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  v_state public.usage_state;
  v_active_time interval := session.active_time;
begin
  if session.status = 'active' then
    v_active_time := v_active_time + greatest(at - session.active_since, interval '0');
    v_state.session_expires_at := session.expires_at;
    v_state.session_cap_at := session.cap_at;
  end if;
  v_state.session_id := session.id;
  v_state.status := coalesce(session.status, 'idle');
  v_state.is_active := v_state.status = 'active';
  v_state.total_usage_seconds := private.whole_seconds(used);
  v_state.total_usage_minutes := v_state.total_usage_seconds / 60;
  v_state.limit_seconds := terms.limit_seconds;
  v_state.has_reached_limit := coalesce(v_state.total_usage_seconds >= terms.limit_seconds, false);
  if terms.limit_seconds is not null then
    v_state.time_remaining_seconds := greatest(terms.limit_seconds - v_state.total_usage_seconds, 0);
    v_state.time_remaining_minutes := v_state.time_remaining_seconds / 60;
  end if;
  v_state.is_near_limit := coalesce(v_state.time_remaining_seconds < terms.near_limit_seconds, false);
  v_state.is_valid_for_recording := v_state.is_active and not v_state.has_reached_limit;
  v_state.current_session_seconds := coalesce(private.whole_seconds(v_active_time), 0);
  v_state.session_started_at := session.started_at;
  v_state.device_id := session.device_id;
  v_state.end_token := session.end_token;
  v_state.period_started_at := terms.period_started_at;
  v_state.period_ends_at := terms.period_ends_at;
  v_state.server_time := at;
  v_state.version := terms.version;
  return v_state;
end
$$;

comment on function private.usage_state(public.usage_sessions, private.usage_terms, interval, timestamptz) is
'Composes the answer of section 1 of the API from a settled session (or null), the terms and what is used: whole seconds, rounded '
'down; what remains is the limit less the rounded total.';

-- Events.

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
'Sends a session:* event with the whole state to the user''s topic, without the end token, and returns that state.';

create function private.announce_deadline(session public.usage_sessions, at timestamptz)
returns void
language sql
security invoker
set search_path = ''
as $$
  select realtime.send(
    jsonb_build_object('at', at, 'deadline', least(session.expires_at, session.cap_at)),
    'deadline:changed',
    'worker',
    true
  );
$$;

comment on function private.announce_deadline(public.usage_sessions, timestamptz) is
'Tells the worker of a deadline that may be nearer than those it knows of.';

-- Transitions. Each begins with lock_usage and ends with record_transition.

create function private.record_transition(user_id text, at timestamptz)
returns void
language sql
security invoker
set search_path = ''
as $$
  update public.accounts set version = version + 1, changed_at = at
  where accounts.user_id = record_transition.user_id;
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
  v_terms private.usage_terms := private.terms_of(user_id, since);
  v_start timestamptz := v_terms.period_started_at;
  v_end timestamptz := v_terms.period_ends_at;
begin
  loop
    update public.usage_totals as t
    set used = t.used + (least(until, v_end) - greatest(since, v_start))
    where
      t.user_id = add_usage.user_id
      and t.period_started_at = v_start
      and t.period_ends_at = v_end;
    if not found then
      insert into public.usage_totals (user_id, period_started_at, period_ends_at, used)
      values (user_id, v_start, v_end, private.sum_of_intervals(user_id, v_start, v_end));
    end if;
    exit when v_end >= until;
    select * into v_start, v_end from private.period_at(v_terms.anchor, v_terms.period, v_end);
  end loop;
end
$$;

comment on function private.add_usage(text, timestamptz, timestamptz) is
'Adds a stretch that was just closed to the totals of the periods that it lies in, each part to its own. A total that is '
'missing is made from all stretches.';

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
    cap_at = session.cap_at
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
begin
  perform private.store_session(session);
  perform private.close_stretch(session.id, session.ended_at);
  perform private.record_transition(session.user_id, at);
  return private.announce_usage(
    'session:closed', session.user_id, session.id, at,
    jsonb_build_object(
      'reason', case session.status when 'closed' then 'stopped' else session.status end
    )
  );
end
$$;

comment on function private.store_end(public.usage_sessions, timestamptz) is
'Stores the end of a locked session (a row as private.ended makes it), charges it and tells its user.';

create function private.next_instant(account public.accounts)
returns timestamptz
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  return greatest(clock_timestamp(), account.changed_at + interval '1 microsecond');
end
$$;

comment on function private.next_instant(public.accounts) is
'The instant of the next transition of a locked account: now, and later than the one before even if the clock was set back.';

create function private.lock_usage(user_id text)
returns private.usage_turn
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_account public.accounts := private.lock_account(user_id);
  v_turn private.usage_turn;
  v_session public.usage_sessions;
begin
  select * into v_session
  from public.usage_sessions as s
  where s.user_id = lock_usage.user_id and s.ended_at is null
  for no key update;
  v_turn.at := private.next_instant(v_account);
  v_turn.session := v_session;
  v_session := private.settled(v_session, v_turn.at);
  if v_session.ended_at is not null then
    perform private.store_end(v_session, v_turn.at);
    v_turn.session := null;
  end if;
  return v_turn;
end
$$;

comment on function private.lock_usage(text) is
'Locks a user''s account and live session, then reads the clock: the instant of the transition that follows, later than the one '
'before. Stores the end of a session that was due. The session is null when none is live.';

create function private.activated(session public.usage_sessions, at timestamptz)
returns public.usage_sessions
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_terms private.usage_terms := private.terms_of(session.user_id, at);
  v_used interval := private.used_at(session, v_terms, at, session.user_id);
begin
  if v_used >= make_interval(secs => v_terms.limit_seconds) then
    raise sqlstate 'PT402' using
      message = 'usage_limit_reached',
      detail = format('All %s seconds of this period are used.', v_terms.limit_seconds),
      hint = format('The next period starts at %s.', v_terms.period_ends_at);
  end if;
  session.status := 'active';
  session.active_since := at;
  session.paused_at := null;
  session.expires_at := private.later(at, (select session_ttl from private.settings));
  session.cap_at := private.cap_instant(
    v_terms.anchor, v_terms.period, v_terms.limit_seconds, at, v_used
  );
  return session;
end
$$;

comment on function private.activated(public.usage_sessions, timestamptz) is
'The row of a new or paused session once its clock runs from this instant. Raises PT402 usage_limit_reached. The caller holds '
'plans still, for the cap.';

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

create function private.raise_session_not_found()
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  raise sqlstate 'PT404' using
    message = 'session_not_found',
    detail = 'You have no session with this id.',
    hint = 'Use the id that the start of the session answered.';
end
$$;

comment on function private.raise_session_not_found() is
'Raises PT404 session_not_found: the same for an unknown id and for somebody else''s.';

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
'Raises PT409 session_active_elsewhere unless the device holds the session. A null device is not checked.';

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
    perform private.check_owner(user_id, session_id);
    raise sqlstate 'PT409' using
      message = 'session_closed',
      detail = 'This session has ended.',
      hint = 'Start a new one.';
  end if;
  perform private.check_device(live, device_id);
end
$$;

comment on function private.check_live(public.usage_sessions, text, uuid, text) is
'Raises unless the session asked for is the live one given and the device holds it: PT404 session_not_found, PT409 session_closed '
'or session_active_elsewhere.';

create function private.check_owner(user_id text, session_id uuid)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if not exists (
    select from public.usage_sessions as s
    where s.id = check_owner.session_id and s.user_id = check_owner.user_id
  ) then
    perform private.raise_session_not_found();
  end if;
end
$$;

comment on function private.check_owner(text, uuid) is
'Raises PT404 session_not_found unless the metered session belongs to the user.';

create function private.check_session_arguments(session_id uuid, device_id text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if session_id is null then
    perform private.raise_invalid_argument('session_id', 'is null');
  end if;
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
begin
  perform private.hold_plans_still();
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
  v_session := private.activated(v_session, v_turn.at);
  insert into public.usage_sessions select v_session.*;
  perform private.open_stretch(v_session);
  perform private.record_transition(user_id, v_turn.at);
  perform private.announce_deadline(v_session, v_turn.at);
  return private.announce_usage('session:created', user_id, v_session.id, v_turn.at);
end
$$;

comment on function private.start_session(text, text, boolean, jsonb) is
'Starts a metered session, or rejoins the live one. A null device is whichever holds the live session, else ''default''.';

create function private.rejoin_session(
  session public.usage_sessions, at timestamptz, device_id text, take_over boolean
)
returns public.usage_state
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_is_resumed boolean := session.status = 'paused';
  v_is_moved boolean := take_over and device_id <> session.device_id;
begin
  if v_is_moved then
    session.device_id := device_id;
    session.end_token := gen_random_uuid();
  end if;
  perform private.check_device(session, device_id);
  if v_is_resumed then
    session := private.activated(session, at);
    perform private.store_session(session);
    perform private.open_stretch(session);
    perform private.announce_deadline(session, at);
  else
    session.expires_at := private.later(at, (select session_ttl from private.settings));
    perform private.store_session(session);
  end if;
  if v_is_resumed or v_is_moved then
    perform private.record_transition(session.user_id, at);
    return private.announce_usage('session:updated', session.user_id, session.id, at);
  end if;
  return private.usage_state_at(session.user_id, at, session.id);
end
$$;

comment on function private.rejoin_session(public.usage_sessions, timestamptz, text, boolean) is
'A sign of life for the locked live session that also resumes it and, with take_over, moves it to another device. Raises PT409 '
'session_active_elsewhere, PT402 usage_limit_reached. The caller holds plans still.';

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
  perform private.hold_plans_still();
  v_turn := private.lock_usage(user_id);
  if is_end_an_answer and session_id is distinct from (v_turn.session).id then
    perform private.check_owner(user_id, session_id);
    return private.usage_state_at(user_id, v_turn.at, session_id);
  end if;
  perform private.check_live(v_turn.session, user_id, session_id, device_id);
  return private.rejoin_session(v_turn.session, v_turn.at, device_id, false);
end
$$;

comment on function private.resume_session(text, uuid, text, boolean) is
'Resumes a paused session; a sign of life for an active one. A session that ended is PT409 session_closed or, where an end is an '
'answer, its final state.';

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
    perform private.check_owner(user_id, session_id);
  end if;
  return private.usage_state_at(user_id, v_turn.at, session_id);
end
$$;

comment on function private.stop_session(text, uuid, text) is
'Ends the session asked for (null = the live one) at once. One that had ended answers its final state. Raises PT404 '
'session_not_found, PT409 session_active_elsewhere.';

-- A change of plan counts at once.

create function private.apply_plan(user_id text)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_turn private.usage_turn;
  v_session public.usage_sessions;
  v_terms private.usage_terms;
begin
  -- What was due under the plan before ends as it would have; its deadlines are stored in the row.
  v_turn := private.lock_usage(user_id);
  delete from public.usage_totals as t where t.user_id = apply_plan.user_id;
  v_session := v_turn.session;
  if v_session.status = 'active' then
    v_terms := private.terms_of(user_id, v_turn.at);
    -- The old cap is not due, so it bounds nothing that was used until now.
    v_session.cap_at := private.cap_instant(
      v_terms.anchor, v_terms.period, v_terms.limit_seconds, v_turn.at,
      private.used_at(v_session, v_terms, v_turn.at, user_id)
    );
    if v_session.cap_at <= v_turn.at then
      perform private.store_end(private.ended(v_session, 'capped', v_turn.at), v_turn.at);
      return;
    end if;
    perform private.store_session(v_session);
    perform private.announce_deadline(v_session, v_turn.at);
  end if;
  perform private.record_transition(user_id, v_turn.at);
  perform private.announce_usage('session:updated', user_id, null, v_turn.at);
end
$$;

comment on function private.apply_plan(text) is
'Lets a user''s changed plan count from now: periods follow it, the live session gets its new cap or, with nothing left, ends as '
'capped. The caller holds plans still or is changing them.';

create function private.hold_plans_for_statement()
returns trigger
language plpgsql
security invoker
set search_path = ''
as $$
begin
  perform private.hold_plans_still();
  return null;
end
$$;

comment on function private.hold_plans_for_statement() is
'Trigger: takes the lock on plans before the statement locks an account, as every transition does.';

create trigger accounts_hold_plans_still
before update of plan_id on public.accounts
for each statement execute function private.hold_plans_for_statement();

create function private.apply_new_plan_of_account()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform private.apply_plan(new.user_id);
  return null;
end
$$;

comment on function private.apply_new_plan_of_account() is
'Trigger: another plan for an account counts at once. Definer: whoever may change the plan need not be able to write sessions.';

create trigger accounts_apply_their_new_plan
after update of plan_id on public.accounts
for each row when (old.plan_id is distinct from new.plan_id)
execute function private.apply_new_plan_of_account();

create function private.apply_changed_plan()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id text;
begin
  for v_user_id in
    select a.user_id
    from public.accounts as a
    where
      a.plan_id = new.id
      and (
        old.period is distinct from new.period
        or exists (
          select from public.usage_sessions as s
          where s.user_id = a.user_id and s.ended_at is null
        )
      )
    order by a.user_id
  loop
    perform private.apply_plan(v_user_id);
  end loop;
  return null;
end
$$;

comment on function private.apply_changed_plan() is
'Trigger: another limit or period of a plan counts at once. Visits the accounts with a live session, all of the plan''s where the '
'period changed; the others find the new plan when they read. Definer: as for an account''s plan.';

create trigger plans_apply_their_change
after update of limit_seconds, period on public.plans
for each row when (
  old.limit_seconds is distinct from new.limit_seconds or old.period is distinct from new.period
)
execute function private.apply_changed_plan();

-- The sweep.

create function private.close_due_sessions(
  batch integer default 1000, out closed_count integer, out next_deadline_at timestamptz
)
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_due record;
  v_at timestamptz;
begin
  closed_count := 0;
  for v_due in
    select a as account, s as session
    from public.usage_sessions as s
    inner join public.accounts as a on a.user_id = s.user_id
    where s.ended_at is null and least(s.expires_at, s.cap_at) <= clock_timestamp()
    order by least(s.expires_at, s.cap_at)
    limit batch
    for no key update of a, s skip locked
  loop
    v_at := private.next_instant(v_due.account);
    perform private.store_end(private.settled(v_due.session, v_at), v_at);
    closed_count := closed_count + 1;
  end loop;
  select min(least(s.expires_at, s.cap_at)) into next_deadline_at
  from public.usage_sessions as s
  where s.ended_at is null;
end
$$;

comment on function private.close_due_sessions(integer) is
'Sweep: stores the end of up to `batch` sessions whose deadline has passed, the most overdue first, and tells their users. '
'Idempotent; skips what somebody else has locked, so that any number may run at once. Answers how many it closed and the '
'next deadline of what is live: one in the past means that there is more to do. Definer: the worker cannot write tables.';

grant execute on function private.close_due_sessions(integer) to hourglass_worker;

-- The API.

create function public.get_usage_state()
returns public.usage_state
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return private.usage_state_at(private.caller_id(), clock_timestamp());
end
$$;

comment on function public.get_usage_state() is
'[user] The state of the caller''s time. Writes nothing. Raises not_signed_in. Definer: reads plans and settings as the machinery '
'does.';

grant execute on function public.get_usage_state() to authenticated, service_role;

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
  if take_over is null then
    perform private.raise_invalid_argument('take_over', 'is null');
  end if;
  return private.start_session(v_caller, coalesce(device_id, 'default'), take_over, metadata);
end
$$;

comment on function public.start_usage_session(text, boolean, jsonb) is
'[user] Starts a metered session. The device that holds the live one gets that one, resumed if it was paused; another gets '
'session_active_elsewhere or, with take_over, the session itself and a new end token. Raises usage_limit_reached, not_signed_in, '
'invalid_argument, payload_too_large. Definer: clients write no table.';

grant execute on function public.start_usage_session(text, boolean, jsonb)
to authenticated, service_role;

create function public.heartbeat_usage_session(session_id uuid, device_id text default null)
returns public.usage_state
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
  v_session public.usage_sessions;
  v_now timestamptz;
begin
  perform private.check_session_arguments(session_id, device_id);
  select * into v_session
  from public.usage_sessions as s
  where s.id = heartbeat_usage_session.session_id and s.user_id = v_caller
  for no key update;
  if not found then
    perform private.raise_session_not_found();
  end if;
  v_now := clock_timestamp();
  v_session := private.settled(v_session, v_now);
  if v_session.ended_at is null then
    perform private.check_device(v_session, device_id);
  end if;
  if v_session.status = 'active' then
    update public.usage_sessions as s
    set expires_at = private.later(v_now, (select session_ttl from private.settings))
    where s.id = v_session.id;
  end if;
  return private.usage_state_at(v_caller, v_now, session_id);
end
$$;

comment on function public.heartbeat_usage_session(uuid, text) is
'[user] A sign of life: the session expires session_ttl from now. Changes nothing on a paused session; of one that ended it '
'answers the final state. Raises session_not_found, session_active_elsewhere, not_signed_in, invalid_argument, '
'payload_too_large. Definer: clients write no table.';

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
  v_session.status := 'paused';
  v_session.paused_at := v_turn.at;
  v_session.active_time := v_session.active_time + (v_turn.at - v_session.active_since);
  v_session.active_since := null;
  v_session.cap_at := null;
  v_session.expires_at := private.later(v_turn.at, (select paused_session_ttl from private.settings));
  perform private.store_session(v_session);
  perform private.close_stretch(v_session.id, v_turn.at);
  perform private.record_transition(v_caller, v_turn.at);
  return private.announce_usage('session:updated', v_caller, session_id, v_turn.at);
end
$$;

comment on function public.pause_usage_session(uuid, text) is
'[user] Stops the clock of the session; resuming restarts it. A pause longer than paused_session_ttl ends it as expired, at the '
'pause. Again: nothing changes. Raises session_not_found, session_closed, session_active_elsewhere, not_signed_in, '
'invalid_argument, payload_too_large. Definer: clients write no table.';

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
'[user] Restarts the clock of a paused session; on an active one it is a sign of life. Raises usage_limit_reached, '
'session_not_found, session_closed, session_active_elsewhere, not_signed_in, invalid_argument, payload_too_large. Definer: '
'clients write no table.';

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
'[user] Ends the session at once, from any device of the user. The answer is final; again it is the same. Raises '
'session_not_found, not_signed_in, invalid_argument. Definer: clients write no table.';

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
  if active is null then
    perform private.raise_invalid_argument('active', 'is null');
  end if;
  perform private.check_text('device_id', device_id);
  if not active then
    return private.stop_session(v_caller, session_id, device_id);
  elsif session_id is null then
    return private.start_session(v_caller, device_id, false, '{}');
  elsif exists (
    select from public.usage_sessions as s where s.id = session_id and s.status = 'paused'
  ) then
    return private.resume_session(v_caller, session_id, device_id, true);
  end if;
  return public.heartbeat_usage_session(session_id, device_id);
end
$$;

comment on function public.usage_ping(boolean, uuid, text) is
'[user] The one-endpoint form. true: a sign of life for the session, which resumes it if it was paused; without an id it starts '
'one. false: stops it, without an id the live one. Raises what start, resume, heartbeat and stop raise. Definer: clients write no '
'table.';

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
  end if;
end
$$;

comment on function public.end_session_with_token(uuid) is
'[token] Ends the session that owns the token; an unknown, null or spent token does nothing. Made for navigator.sendBeacon, which '
'cannot send headers. Raises nothing. Definer: the caller need not be signed in.';

grant execute on function public.end_session_with_token(uuid)
to anon, authenticated, service_role;

create function public.list_usage_sessions(
  before timestamptz default null, before_id uuid default null, page_size integer default 50
)
returns setof public.usage_session_summary
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
  v_now timestamptz := clock_timestamp();
begin
  perform private.check_page(before, before_id, page_size);
  return query
  select
    page.id,
    settled.status,
    settled.device_id,
    settled.started_at,
    settled.ended_at,
    private.whole_seconds(
      settled.active_time
      + greatest(coalesce(v_now - settled.active_since, interval '0'), interval '0')
    ),
    settled.metadata
  from (
    select s.*
    from public.usage_sessions as s
    where
      s.user_id = v_caller
      and s.started_at <= coalesce(before, 'infinity')
      and (
        before is null
        or s.started_at < before
        or (s.started_at = before and s.id < before_id)
      )
    order by s.started_at desc, s.id desc
    limit page_size
  ) as page
  cross join lateral private.settled(page, v_now) as settled
  order by page.started_at desc, page.id desc;
end
$$;

comment on function public.list_usage_sessions(timestamptz, uuid, integer) is
'[user] The caller''s metered sessions as they stand now, newest first, by keyset: pass the started_at and id of the last row as '
'before and before_id. Raises not_signed_in, invalid_argument. Definer: as get_usage_state.';

grant execute on function public.list_usage_sessions(timestamptz, uuid, integer)
to authenticated, service_role;
