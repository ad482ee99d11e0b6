-- Tracked sessions: who is in the app, where, since when.
--
-- A session without a sign of life for `session_timeout` has ended at the last one, whether or not
-- anything has stored that. `private.user_session_at` is the one place that says so.
--
-- Locks: what ends a session of somebody's (start, end, token) locks the account, then the session.
-- A heartbeat, a change of section and an event lock their session only. Rows of events come last.

create table public.user_sessions (
  id uuid primary key default gen_random_uuid(),
  user_id text not null references public.accounts (user_id),
  session_start timestamptz not null,
  session_end timestamptz,
  app_section text,
  device_info jsonb not null default '{}',
  metadata jsonb not null default '{}',
  last_seen_at timestamptz not null,
  duration_seconds integer,
  end_token uuid default gen_random_uuid(),
  constraint last_seen_at_is_not_before_session_start check (last_seen_at >= session_start),
  constraint session_end_is_not_before_last_seen_at check (session_end >= last_seen_at),
  constraint duration_is_set_once_ended check (
    (session_end is null) = (duration_seconds is null)
  ),
  constraint duration_is_not_negative check (duration_seconds >= 0),
  constraint end_token_is_set_while_open check ((session_end is null) = (end_token is not null)),
  constraint app_section_is_short check (char_length(app_section) <= 512),
  constraint device_info_and_metadata_are_objects check (
    jsonb_typeof(device_info) = 'object' and jsonb_typeof(metadata) = 'object'
  )
)
-- A heartbeat changes last_seen_at, which no index knows; room on the page keeps that a HOT update.
with (fillfactor = 70);

comment on table public.user_sessions is
'One row per tracked session, at most one open per user. An open row that was not seen for '
'session_timeout counts as ended at last_seen_at everywhere, stored or not.';
comment on column public.user_sessions.app_section is 'Where in the app the user is, or was last.';
comment on column public.user_sessions.metadata is
'What the client told, and under section_history the last 200 sections: [{section, at}].';
comment on column public.user_sessions.last_seen_at is
'The last sign of life: start, heartbeat, change of section, event.';
comment on column public.user_sessions.duration_seconds is
'From session_start to session_end in whole seconds; null while the session is open.';
comment on column public.user_sessions.end_token is
'Capability to end the session without a JWT; the end removes it.';

create unique index user_sessions_one_open_per_user
on public.user_sessions (user_id) where session_end is null;
create unique index user_sessions_end_token_idx
on public.user_sessions (end_token) where end_token is not null;
create index user_sessions_open_by_id on public.user_sessions (id) where session_end is null;
-- All that statistics need of a session that has ended, so that they need not visit its row.
create index user_sessions_newest_first
on public.user_sessions (user_id, session_start desc, id) include (session_end);
create index user_sessions_by_end
on public.user_sessions (session_end) where session_end is not null;

alter table public.user_sessions enable row level security;
revoke all on table public.user_sessions from anon, authenticated, service_role;
grant select on table public.user_sessions to authenticated, service_role;

create policy user_sessions_select_own on public.user_sessions for select to authenticated
using (user_id = (select private.caller()));

create table private.session_sections (
  session_id uuid not null references public.user_sessions (id) on delete cascade,
  section text not null,
  visit_count bigint not null default 1,
  dwell interval not null default '0',
  entered_at timestamptz,
  primary key (session_id, section),
  constraint dwell_is_not_negative check (dwell >= interval '0')
)
with (fillfactor = 70);

comment on table private.session_sections is
'How often and how long each section of a tracked session was visited: what statistics add up, '
'since the history in the metadata is capped.';
comment on column private.session_sections.dwell is 'Time of the visits that are over, exact.';
comment on column private.session_sections.entered_at is
'Start of the visit that goes on; null unless this is the section of an open session.';

alter table private.session_sections enable row level security;

create type public.cleanup_result as (
  sessions_ended integer,
  sessions_removed integer,
  events_removed bigint
);

comment on type public.cleanup_result is 'What a cleanup of tracked sessions did.';

-- Sessions: what a row says at an instant.

create function private.ended_user_session(session public.user_sessions, at timestamptz)
returns public.user_sessions
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  session.session_end := at;
  session.duration_seconds := private.whole_seconds(at - session.session_start);
  session.end_token := null;
  return session;
end
$$;

comment on function private.ended_user_session(public.user_sessions, timestamptz) is
'The row of an open tracked session once it ended at this instant.';

create function private.user_session_at(
  session public.user_sessions, timeout interval, at timestamptz
)
returns public.user_sessions
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  if session.session_end is null and private.later(session.last_seen_at, timeout) <= at then
    return private.ended_user_session(session, session.last_seen_at);
  end if;
  return session;
end
$$;

comment on function private.user_session_at(public.user_sessions, interval, timestamptz) is
'The row of a tracked session as it stands at an instant: ended at its last sign of life where '
'that is the timeout ago, else unchanged.';

create function private.own_user_session(user_id text, session_id uuid, at timestamptz)
returns public.user_sessions
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_session public.user_sessions;
  v_settings private.settings;
begin
  select * into v_settings from private.settings;
  select * into v_session
  from public.user_sessions as s
  where s.id = own_user_session.session_id and s.user_id = own_user_session.user_id;
  v_session := private.user_session_at(v_session, v_settings.session_timeout, at);
  -- What is past its retention is gone, whether or not it was removed yet.
  if
    v_session.id is null
    or v_session.session_end <= private.later(at, -v_settings.session_retention)
  then
    perform private.raise_session_not_found();
  end if;
  return v_session;
end
$$;

comment on function private.own_user_session(text, uuid, timestamptz) is
'The tracked session of a user as it stands at an instant. Raises PT404 session_not_found: the '
'same for an unknown id, somebody else''s and one past its retention.';

create function private.lock_user_session(user_id text, session_id uuid, out at timestamptz)
language plpgsql
security invoker
set search_path = ''
as $$
begin
  -- A statement of its own: the next one sees what whoever had the lock has left, and the clock
  -- after it.
  perform from public.user_sessions as s
  where s.id = lock_user_session.session_id and s.user_id = lock_user_session.user_id
  for no key update;
  at := clock_timestamp();
end
$$;

comment on function private.lock_user_session(text, uuid) is
'Locks a tracked session of a user, if there is one, then reads the clock.';

-- Sections.

create function private.leave_section(session_id uuid, at timestamptz)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  update private.session_sections as v
  set dwell = v.dwell + (at - v.entered_at), entered_at = null
  where v.session_id = leave_section.session_id and v.entered_at is not null;
end
$$;

comment on function private.leave_section(uuid, timestamptz) is
'Ends the visit that goes on in a locked session, if there is one.';

create function private.enter_section(session_id uuid, section text, at timestamptz)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  insert into private.session_sections as v (session_id, section, entered_at)
  select enter_section.session_id, enter_section.section, at
  where enter_section.section is not null
  on conflict on constraint session_sections_pkey do update
  set visit_count = v.visit_count + 1, entered_at = excluded.entered_at;
end
$$;

comment on function private.enter_section(uuid, text, timestamptz) is
'Begins a visit of a section in a locked session. A null section is none.';

create function private.with_section(metadata jsonb, section text, at timestamptz)
returns jsonb
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_history jsonb := coalesce(metadata -> 'section_history', '[]')
    || jsonb_build_array(jsonb_build_object('section', section, 'at', at));
begin
  if section is null then
    return metadata;
  elsif jsonb_array_length(v_history) > 200 then
    v_history := v_history - 0;
  end if;
  return jsonb_set(metadata, '{section_history}', v_history);
end
$$;

comment on function private.with_section(jsonb, text, timestamptz) is
'The metadata of a session with a section more in its history, of which the last 200 are kept.';

-- Transitions.

create function private.store_user_session_end(
  session public.user_sessions, reason text, at timestamptz
)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  update public.user_sessions
  set
    session_end = session.session_end,
    duration_seconds = session.duration_seconds,
    end_token = null
  where id = session.id;
  perform private.leave_section(session.id, session.session_end);
  perform private.record_session_event(
    session.id,
    'session_end',
    jsonb_build_object('duration_seconds', session.duration_seconds, 'reason', reason),
    session.session_end,
    greatest(at, session.session_end)
  );
end
$$;

comment on function private.store_user_session_end(public.user_sessions, text, timestamptz) is
'Stores the end of a locked session, a row as private.ended_user_session makes it, and its event. '
'The reason is ended, replaced or timeout.';

create function private.end_open_user_session(
  user_id text, reason text, session_id uuid default null, end_token uuid default null
)
returns timestamptz
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_session public.user_sessions;
  v_ended public.user_sessions;
  v_timeout interval := (select session_timeout from private.settings);
  v_at timestamptz;
begin
  select * into v_session
  from public.user_sessions as s
  where
    s.user_id = end_open_user_session.user_id
    and s.session_end is null
    and s.id = coalesce(end_open_user_session.session_id, s.id)
    and s.end_token = coalesce(end_open_user_session.end_token, s.end_token)
  for no key update;
  -- Never behind what is stored, also when the clock was set back.
  v_at := greatest(clock_timestamp(), v_session.last_seen_at);
  if v_session.id is not null then
    v_ended := private.user_session_at(v_session, v_timeout, v_at);
    if v_ended.session_end is null then
      v_ended := private.ended_user_session(v_ended, v_at);
    else
      reason := 'timeout';
    end if;
    perform private.store_user_session_end(v_ended, reason, v_at);
  end if;
  return v_at;
end
$$;

comment on function private.end_open_user_session(text, text, uuid, uuid) is
'Ends the open session of a user whose account is locked, if there is one (and if it has this id '
'or token): now, or at its last sign of life if that is the timeout ago. Returns the instant.';

create function public.start_user_session(
  device_info jsonb default '{}', app_section text default null, metadata jsonb default '{}'
)
returns public.user_sessions
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
  v_at timestamptz;
  v_session public.user_sessions;
begin
  perform private.check_object('device_info', device_info);
  perform private.check_text('app_section', app_section);
  perform private.check_object('metadata', metadata);
  perform private.ensure_account(v_caller);
  perform private.lock_account(v_caller);
  v_at := private.end_open_user_session(v_caller, 'replaced');
  insert into public.user_sessions (
    user_id, session_start, app_section, device_info, metadata, last_seen_at
  )
  values (
    v_caller,
    v_at,
    start_user_session.app_section,
    start_user_session.device_info,
    private.with_section(start_user_session.metadata - 'section_history', app_section, v_at),
    v_at
  )
  returning * into v_session;
  perform private.enter_section(v_session.id, app_section, v_at);
  perform private.record_session_event(
    v_session.id, 'session_start', jsonb_build_object('section', app_section), v_at, v_at
  );
  return v_session;
end
$$;

comment on function public.start_user_session(jsonb, text, jsonb) is
'[user] Starts a tracked session and ends the caller''s open one in the same transaction. A '
'section opens the history of sections. Raises not_signed_in, invalid_argument, payload_too_large. '
'Definer: clients write no table.';

grant execute on function public.start_user_session(jsonb, text, jsonb)
to authenticated, service_role;

create function public.heartbeat_user_session(session_id uuid)
returns timestamptz
language plpgsql
security definer
set search_path = ''
as $$
declare
  -- As few calls as possible, here and below: this is called often. Nobody finds no row.
  v_caller text := private.caller();
  v_at timestamptz;
  v_seen_at timestamptz;
begin
  -- As lock_user_session does.
  perform from public.user_sessions as s
  where s.id = heartbeat_user_session.session_id and s.user_id = v_caller
  for no key update;
  v_at := clock_timestamp();
  update public.user_sessions as s
  set last_seen_at = greatest(v_at, s.last_seen_at)
  where
    s.id = heartbeat_user_session.session_id
    and s.user_id = v_caller
    and s.session_end is null
    and (
      s.last_seen_at at time zone 'UTC' + (select session_timeout from private.settings)
    ) at time zone 'UTC' > v_at
  returning s.last_seen_at into v_seen_at;
  if not found then
    v_caller := private.caller_id();
    perform private.check_given('session_id', session_id is not null);
    perform private.own_user_session(v_caller, session_id, v_at);
    perform private.raise_session_closed();
  end if;
  return v_seen_at;
end
$$;

comment on function public.heartbeat_user_session(uuid) is
'[user] A sign of life; answers its instant. Raises session_not_found, session_closed, '
'not_signed_in, invalid_argument. Definer: clients write no table.';

grant execute on function public.heartbeat_user_session(uuid) to authenticated, service_role;

create function public.update_session_section(
  session_id uuid, section text, metadata jsonb default '{}'
)
returns public.user_sessions
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
  v_at timestamptz;
  v_session public.user_sessions;
  v_is_same boolean;
  v_metadata jsonb;
begin
  perform private.check_given('session_id', session_id is not null);
  perform private.check_given('section', section is not null);
  perform private.check_text('section', section);
  perform private.check_object('metadata', metadata);
  v_at := private.lock_user_session(v_caller, session_id);
  v_session := private.own_user_session(v_caller, session_id, v_at);
  if v_session.session_end is not null then
    perform private.raise_session_closed();
  end if;
  v_at := greatest(v_at, v_session.last_seen_at);
  v_is_same := section is not distinct from v_session.app_section;
  v_metadata := v_session.metadata;
  if not v_is_same then
    v_metadata := v_metadata || (update_session_section.metadata - 'section_history');
    perform private.check_object('metadata', v_metadata - 'section_history');
    v_metadata := private.with_section(v_metadata, section, v_at);
  end if;
  update public.user_sessions as s
  set last_seen_at = v_at, app_section = section, metadata = v_metadata
  where s.id = v_session.id;
  if not v_is_same then
    perform private.leave_section(session_id, v_at);
    perform private.enter_section(session_id, section, v_at);
    perform private.record_session_event(
      session_id,
      'section_change',
      jsonb_build_object('section', section, 'from', v_session.app_section),
      v_at,
      v_at
    );
  end if;
  return private.own_user_session(v_caller, session_id, v_at);
end
$$;

comment on function public.update_session_section(uuid, text, jsonb) is
'[user] The user is in another section now: it is appended to the history, the metadata is merged '
'and an event is logged. The same section again is a sign of life and nothing else. Raises '
'session_not_found, session_closed, not_signed_in, invalid_argument, payload_too_large (also for '
'metadata that is over 16 KiB once merged). Definer: clients write no table.';

grant execute on function public.update_session_section(uuid, text, jsonb)
to authenticated, service_role;

create function public.end_user_session(session_id uuid)
returns public.user_sessions
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
  v_at timestamptz;
begin
  perform private.check_given('session_id', session_id is not null);
  perform private.lock_account(v_caller);
  v_at := private.end_open_user_session(v_caller, 'ended', session_id);
  return private.own_user_session(v_caller, session_id, v_at);
end
$$;

comment on function public.end_user_session(uuid) is
'[user] Ends the session now; again it answers the same. One that had ended by silence ended at '
'its last sign of life. Raises session_not_found, not_signed_in, invalid_argument. Definer: '
'clients write no table.';

grant execute on function public.end_user_session(uuid) to authenticated, service_role;

create function private.end_user_session_by_token(end_token uuid)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_user_id text;
begin
  select s.user_id into v_user_id
  from public.user_sessions as s
  where s.end_token = end_user_session_by_token.end_token;
  if found then
    perform private.lock_account(v_user_id);
    perform private.end_open_user_session(v_user_id, 'ended', null, end_token);
  end if;
end
$$;

comment on function private.end_user_session_by_token(uuid) is
'Ends the tracked session that owns the token; any other does nothing.';

-- Reading.

create function public.get_active_sessions(
  after_id uuid default null, page_size integer default 100
)
returns setof public.user_sessions
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_timeout interval;
begin
  perform private.require_admin();
  perform private.check_page(null, null, page_size);
  v_timeout := (select session_timeout from private.settings);
  return query
  select
    s.id, s.user_id, s.session_start, s.session_end, s.app_section, s.device_info, s.metadata,
    s.last_seen_at, s.duration_seconds, null::uuid
  from public.user_sessions as s
  where
    s.session_end is null
    and private.later(s.last_seen_at, v_timeout) > v_now
    and (after_id is null or s.id > after_id)
  order by s.id
  limit page_size;
end
$$;

comment on function public.get_active_sessions(uuid, integer) is
'[admin] The sessions of everybody that were seen within session_timeout, without their end '
'tokens, by keyset: pass the id of the last row as after_id. Raises not_signed_in, admin_only, '
'invalid_argument. Definer: rows of others.';

grant execute on function public.get_active_sessions(uuid, integer)
to authenticated, service_role;

-- Sweeps.

create function private.end_unseen_user_sessions(batch integer default 1000)
returns integer
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_timeout interval := (select session_timeout from private.settings);
  v_session public.user_sessions;
  v_count integer := 0;
begin
  for v_session in
    select s.*
    from public.user_sessions as s
    where
      s.session_end is null and private.later(s.last_seen_at, v_timeout) <= clock_timestamp()
    limit batch
    for no key update skip locked
  loop
    perform private.store_user_session_end(
      private.ended_user_session(v_session, v_session.last_seen_at), 'timeout', clock_timestamp()
    );
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;

comment on function private.end_unseen_user_sessions(integer) is
'Sweep: stores the end of up to `batch` tracked sessions that were not seen for session_timeout, '
'at their last sign of life. Idempotent; skips what somebody else has locked. Returns how many. '
'No answer waits for it and nobody is told, so it has no deadline.';

create function private.remove_old_user_sessions(
  batch integer default 10000, keep interval default null
)
returns integer
language plpgsql
security invoker
set search_path = ''
as $$
declare
  -- A century reaches everything, and stays within what a timestamp can hold.
  v_keep interval := least(
    coalesce(keep, (select session_retention from private.settings)), interval '100 years'
  );
  v_until timestamptz := private.later(clock_timestamp(), -v_keep);
  v_count integer;
begin
  -- Who was active on a day is told from these rows until it is counted.
  perform private.count_activity();
  if keep is null then
    v_until := least(v_until, (
      select w.counted_until::timestamp at time zone 'UTC' - interval '1 microsecond'
      from private.activity_watermark as w
      where isfinite(w.counted_until)
    ));
  end if;
  delete from public.user_sessions
  where id in (
    select s.id
    from public.user_sessions as s
    where s.session_end <= v_until
    order by s.session_end
    limit batch
    for update skip locked
  );
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function private.remove_old_user_sessions(integer, interval) is
'Sweep: removes up to `batch` tracked sessions whose stored end is `keep` ago (null = '
'session_retention, and not before their days are counted), the oldest first. Idempotent; skips '
'what somebody else has locked. Returns how many. Their events go with the week they are in.';

create function private.apply_user_session_settings()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_session public.user_sessions;
  v_until timestamptz := private.later(clock_timestamp(), -old.session_retention);
begin
  -- Unlike the sweep this waits: what it left out would live again.
  for v_session in
    select s.*
    from public.user_sessions as s
    where
      s.session_end is null
      and private.later(s.last_seen_at, old.session_timeout) <= clock_timestamp()
    order by s.id
    for no key update
  loop
    perform private.store_user_session_end(
      private.ended_user_session(v_session, v_session.last_seen_at), 'timeout', clock_timestamp()
    );
  end loop;
  delete from public.user_sessions where session_end <= v_until;
  return null;
end
$$;

comment on function private.apply_user_session_settings() is
'Trigger: tracked sessions that had ended by the old timeout stay so, and what was past the old '
'retention is gone, swept or not. Definer: whoever may change settings need not be able to write '
'sessions.';

create trigger settings_apply_to_user_sessions
after update of session_timeout, session_retention on private.settings
for each row execute function private.apply_user_session_settings();
