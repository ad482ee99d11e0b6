-- Metered sessions: time that a plan limits, such as a recording, a call or a render.
--
-- What is stored are transitions. What is true now follows from them and the clock: a session whose
-- TTL or cap has passed has ended at that instant, whether or not anything has stored it.
-- `private.settled` is the one place that says so; reads apply it to the row they show, transitions
-- and the sweep store its result.

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
  warn_at timestamptz,
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
  constraint warn_at_is_set_only_while_active check (status = 'active' or warn_at is null),
  constraint active_time_is_not_negative check (active_time >= interval '0'),
  constraint metadata_is_an_object check (jsonb_typeof(metadata) = 'object')
)
-- A heartbeat changes expires_at, which no index knows; room on the page keeps that a HOT update.
with (fillfactor = 70);

comment on table public.usage_sessions is
'One row per metered session. At most one live (active or paused) session per user. A live row '
'whose deadline has passed counts as ended everywhere, stored or not.';
comment on column public.usage_sessions.status is
'active, paused, closed (stopped by the user), expired (no sign of life for the TTL) or capped '
'(the limit was reached).';
comment on column public.usage_sessions.device_id is 'The device that holds the session.';
comment on column public.usage_sessions.end_token is
'Capability to stop the session without a JWT; a hand-off makes a new one, the end removes it.';
comment on column public.usage_sessions.active_since is 'Start of the active stretch that is open.';
comment on column public.usage_sessions.active_time is
'Length of the active stretches that are closed, exact.';
comment on column public.usage_sessions.expires_at is
'When a live session expires unless a sign of life comes (active) or it is resumed (paused).';
comment on column public.usage_sessions.cap_at is
'When the limit is reached if the session stays active, period boundaries taken into account; null '
'= never.';
comment on column public.usage_sessions.warn_at is
'When the user is to be warned next if the session stays active: a share of warning_percents, or '
'near the limit; null = never.';

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
using (user_id = (select private.caller()));

create table public.usage_intervals (
  session_id uuid not null references public.usage_sessions (id) on delete cascade,
  user_id text not null,
  started_at timestamptz not null,
  ended_at timestamptz,
  primary key (session_id, started_at),
  constraint ended_at_is_not_before_started_at check (ended_at >= started_at),
  constraint active_stretches_of_a_user_never_overlap exclude using gist (
    user_id with =, tstzrange(started_at, ended_at) with &&
  )
);

comment on table public.usage_intervals is
'The active stretches of metered sessions: what is charged. A pause or the end closes one; an open '
'one has no ended_at yet.';

alter table public.usage_intervals enable row level security;
revoke all on table public.usage_intervals from anon, authenticated, service_role;
grant select on table public.usage_intervals to authenticated, service_role;

create policy usage_intervals_select_own on public.usage_intervals for select to authenticated
using (user_id = (select private.caller()));

create table public.usage_totals (
  user_id text not null references public.accounts (user_id) on delete cascade,
  period_started_at timestamptz not null,
  period_ends_at timestamptz not null,
  period interval not null,
  used interval not null,
  primary key (user_id, period_started_at, period_ends_at),
  constraint period_ends_after_it_started check (period_ends_at > period_started_at),
  constraint used_is_not_negative check (used >= interval '0')
)
with (fillfactor = 80);

comment on table public.usage_totals is
'Closed active time per user and period, so that a state read need not add up intervals. Each row '
'is equal to the sum over usage_intervals within its bounds, those of earlier plans too; a row '
'that is missing is that sum.';
comment on column public.usage_totals.period is
'The plan''s period that the row was made for; the plan of now finds its own rows by it.';

alter table public.usage_totals enable row level security;
revoke all on table public.usage_totals from anon, authenticated, service_role;
grant select on table public.usage_totals to authenticated, service_role;

create policy usage_totals_select_own on public.usage_totals for select to authenticated
using (user_id = (select private.caller()));

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
'What every call about metered sessions answers: the state of a user''s time at server_time. '
'Durations are whole seconds, rounded down.';

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
  period_ends_at timestamptz,
  closed_usage interval
);

comment on type private.usage_terms is
'What a user''s plan allows in one accounting period, the version of the user''s state and the '
'closed active time within the period.';

create type private.usage_turn as (
  at timestamptz,
  session public.usage_sessions
);

comment on type private.usage_turn is
'A transition''s turn: the instant that it takes place at and the live session (null when there is '
'none), both locked for it.';

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
'The row of a session as it stands at an instant: ended where a deadline has passed, else '
'unchanged. A session that expires ends at its expiry, a capped one at its cap, a paused one that '
'ran out at its pause.';

-- Reading.

create function private.sum_of_intervals(
  user_id text, period_started_at timestamptz, period_ends_at timestamptz
)
returns interval
-- On the path of each read: one in SQL would be planned anew each time, this is not.
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_sum interval;
begin
  select sum(least(i.ended_at, period_ends_at) - greatest(i.started_at, period_started_at))
  into v_sum
  from public.usage_intervals as i
  where
    i.user_id = sum_of_intervals.user_id
    and tstzrange(i.started_at, i.ended_at) && tstzrange(period_started_at, period_ends_at)
    and i.ended_at is not null;
  return coalesce(v_sum, interval '0');
end
$$;

comment on function private.sum_of_intervals(text, timestamptz, timestamptz) is
'The closed active time of a user within a period, added up; found by the index of the exclusion '
'constraint.';

create function private.latest_end(user_id text, since timestamptz)
returns public.usage_sessions
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_session public.usage_sessions;
begin
  select * into v_session
  from public.usage_sessions as s
  where s.user_id = latest_end.user_id and s.ended_at >= since
  order by s.ended_at desc, s.started_at desc
  limit 1;
  return v_session;
end
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
  -- One query on the path of a heartbeat: a total that is stored also says which period it is.
  select
    a.version, a.period_anchor, p.period, p.limit_seconds, p.near_limit_seconds,
    t.period_started_at, t.period_ends_at, t.used
  into v_terms
  from public.accounts as a
  inner join public.plans as p on p.id = a.plan_id
  left join lateral (
    select u.*
    from public.usage_totals as u
    where
      u.user_id = a.user_id
      and u.period_started_at <= at
      -- To the bit: 1 month and 30 days are equal as intervals.
      and interval_send(u.period) = interval_send(p.period)
    order by u.period_started_at desc
    limit 1
  ) as t on t.period_ends_at > at
  where a.user_id = terms_of.user_id;
  if not found then
    select
      0, at, p.period, p.limit_seconds, p.near_limit_seconds,
      null::timestamptz, null::timestamptz, null::interval
    into v_terms
    from public.plans as p
    where p.is_default;
  end if;
  if v_terms.closed_usage is null then
    select * into v_terms.period_started_at, v_terms.period_ends_at
    from private.period_at(v_terms.anchor, v_terms.period, at);
    v_terms.closed_usage := private.sum_of_intervals(
      user_id, v_terms.period_started_at, v_terms.period_ends_at
    );
  end if;
  return v_terms;
end
$$;

comment on function private.terms_of(text, timestamptz) is
'What a user''s plan of now allows in the period of an instant, and what of it the closed '
'stretches have used. Who has no account yet has the default plan and a first period that starts '
'at that instant.';

create function private.used_at(
  live public.usage_sessions, terms private.usage_terms, at timestamptz
)
returns interval
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  if live.status = 'active' then
    return terms.closed_usage + greatest(
      least(live.expires_at, live.cap_at, at, terms.period_ends_at)
      - greatest(live.active_since, terms.period_started_at),
      interval '0'
    );
  end if;
  return terms.closed_usage;
end
$$;

comment on function private.used_at(public.usage_sessions, private.usage_terms, timestamptz) is
'What a user has used at an instant of the period in the terms: the closed stretches and, of the '
'live session given (or null), the open one as far as its deadlines let it run.';

create function private.usage_state(
  shown public.usage_sessions,
  used interval,
  terms private.usage_terms,
  at timestamptz
)
returns public.usage_state
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  v_is_active boolean := coalesce(shown.status = 'active', false);
  v_used integer := floor(extract(epoch from used));
  v_remaining integer := case
    when terms.limit_seconds is not null then greatest(terms.limit_seconds - v_used, 0)
  end;
begin
  -- One expression, without further calls: both are set up anew in each transaction.
  return row(
    shown.id,
    coalesce(shown.status, 'idle'),
    v_is_active,
    v_remaining,
    v_remaining / 60,
    v_used,
    v_used / 60,
    coalesce(
      floor(extract(epoch from (
        shown.active_time
        + greatest(coalesce(at - shown.active_since, interval '0'), interval '0')
      ))),
      0
    )::integer,
    shown.started_at,
    case when v_is_active then shown.expires_at end,
    case when v_is_active then shown.cap_at end,
    v_is_active and v_remaining is distinct from 0,
    coalesce(v_remaining = 0, false),
    coalesce(v_remaining < terms.near_limit_seconds, false),
    shown.device_id,
    shown.end_token,
    terms.limit_seconds,
    terms.period_started_at,
    terms.period_ends_at,
    at,
    terms.version
  )::public.usage_state;
end
$$;

comment on function private.usage_state(
  public.usage_sessions, interval, private.usage_terms, timestamptz
) is
'Composes the answer about a session (settled, or null) at an instant from what is used and the '
'terms: whole seconds, rounded down; what remains is the limit less the rounded total.';

create function private.usage_state_at(
  user_id text, at timestamptz, session_id uuid default null
)
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
begin
  select * into v_live
  from public.usage_sessions as s
  where s.user_id = usage_state_at.user_id and s.ended_at is null;
  v_shown := private.settled(v_live, at);
  if v_shown.ended_at is not null then
    v_terms.version := v_terms.version + 1;
  end if;
  if session_id is null then
    if v_shown.id is null or v_shown.ended_at < v_terms.period_started_at then
      v_shown := private.latest_end(user_id, v_terms.period_started_at);
    end if;
  elsif session_id is distinct from v_live.id then
    select * into v_shown from public.usage_sessions as s where s.id = session_id;
  end if;
  return private.usage_state(v_shown, private.used_at(v_live, v_terms, at), v_terms, at);
end
$$;

comment on function private.usage_state_at(text, timestamptz, uuid) is
'A user''s state at an instant, from what is stored and nothing else: about the session asked for '
'(one of theirs), else the live one, else the latest that ended in this period. A transition that '
'is due and not stored yet is counted, in the version too.';

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
'[user] The state of the caller''s time. Writes nothing. Raises not_signed_in. Definer: reads '
'plans and settings as the machinery does.';

grant execute on function public.get_usage_state() to authenticated, service_role;

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
'[user] The caller''s metered sessions as they stand now, newest first, by keyset: pass the '
'started_at and id of the last row as before and before_id. Raises not_signed_in, '
'invalid_argument. Definer: as get_usage_state.';

grant execute on function public.list_usage_sessions(timestamptz, uuid, integer)
to authenticated, service_role;
