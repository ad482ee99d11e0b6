-- Events of tracked sessions, partitioned by the week that they arrived in (UTC), so that retention
-- drops whole weeks. An event whose week has no partition yet waits in the default partition.

create table public.session_events (
  id uuid not null,
  session_id uuid not null,
  event_type text not null,
  event_data jsonb not null,
  occurred_at timestamptz not null,
  created_at timestamptz not null,
  -- An id is unique within its session: who inserts looks first, under the session's lock. The key
  -- of a partition cannot say so without the week.
  primary key (session_id, id, created_at),
  constraint event_type_is_short check (char_length(event_type) <= 512),
  constraint event_data_is_an_object check (jsonb_typeof(event_data) = 'object')
) partition by range (created_at);

comment on table public.session_events is
'What happened in tracked sessions, as told by clients, and session_start, section_change and '
'session_end. No foreign key to the session: its removal would delete row by row.';
comment on column public.session_events.occurred_at is
'When it happened by the client''s account, within the session. Information, nothing depends on '
'it.';
comment on column public.session_events.created_at is 'When it arrived, by the server''s clock.';

alter table public.session_events enable row level security;
revoke all on table public.session_events from anon, authenticated, service_role;
grant select on table public.session_events to authenticated, service_role;

create policy session_events_select_own on public.session_events for select to authenticated
using (
  -- An array, which an index can be asked for; a subquery would filter all there is.
  session_id = any(
    array(
      select s.id
      from public.user_sessions as s
      where s.user_id = (select private.caller())
    )
  )
);

create table private.session_events_default partition of public.session_events default;

alter table private.session_events_default enable row level security;

select private.make_partitions('session_events', 'week', 4);

create function private.drop_old_events()
returns bigint
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_until timestamptz :=
    private.later(clock_timestamp(), -(select event_retention from private.settings));
  v_week record;
  v_count bigint := 0;
begin
  perform private.move_strays('session_events', 'week');
  -- All are counted before the first is dropped: from then on everybody waits.
  for v_week in select w.* from private.partitions_before('session_events', 'week', v_until) as w
  loop
    if private.drop_partition('session_events', v_week.name) then
      v_count := v_count + v_week.row_count;
    end if;
  end loop;
  return v_count;
end
$$;

comment on function private.drop_old_events() is
'Sweep: drops the weeks of events that are older than event_retention as a whole, those among the '
'strays included. Returns how many events went. Idempotent; what is locked stays for the next '
'time.';

-- Writing.

create function private.record_session_event(
  session_id uuid, event_type text, event_data jsonb, occurred_at timestamptz, at timestamptz
)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  insert into public.session_events (
    id, session_id, event_type, event_data, occurred_at, created_at
  )
  values (
    gen_random_uuid(),
    record_session_event.session_id,
    record_session_event.event_type,
    record_session_event.event_data,
    record_session_event.occurred_at,
    at
  );
end
$$;

comment on function private.record_session_event(uuid, text, jsonb, timestamptz, timestamptz) is
'Logs what the server itself knows of a session.';

create function private.touch_user_session(session public.user_sessions, at timestamptz)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  update public.user_sessions as s
  set last_seen_at = greatest(at, s.last_seen_at)
  where s.id = session.id and session.session_end is null;
end
$$;

comment on function private.touch_user_session(public.user_sessions, timestamptz) is
'A sign of life of a locked session, given as it stands; nothing for one that has ended.';

create function private.remembered_since(session public.user_sessions, at timestamptz)
returns timestamptz
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return (
    select greatest(
      session.session_start, private.later(at, -s.event_retention)
    )
    from private.settings as s
  );
end
$$;

comment on function private.remembered_since(public.user_sessions, timestamptz) is
'From when on the ids of a session''s events are known: an older event is past its retention, '
'whether or not its week was dropped.';

create function public.log_session_event(
  session_id uuid, event_type text, event_data jsonb default '{}', event_id uuid default null
)
returns uuid
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
  v_at timestamptz;
  v_since timestamptz;
  v_session public.user_sessions;
begin
  perform private.check_given('session_id', session_id is not null);
  perform private.check_given('event_type', event_type is not null);
  perform private.check_text('event_type', event_type);
  perform private.check_object('event_data', event_data);
  v_at := private.lock_user_session(v_caller, session_id);
  v_session := private.own_user_session(v_caller, session_id, v_at);
  v_at := greatest(v_at, v_session.last_seen_at);
  perform private.touch_user_session(v_session, v_at);
  v_since := private.remembered_since(v_session, v_at);
  if event_id is not null and exists (
    select from public.session_events as e
    where
      e.session_id = v_session.id
      and e.id = log_session_event.event_id
      and e.created_at >= v_since
  ) then
    return event_id;
  elsif v_session.session_end is not null then
    perform private.raise_session_closed();
  end if;
  event_id := coalesce(event_id, gen_random_uuid());
  insert into public.session_events (
    id, session_id, event_type, event_data, occurred_at, created_at
  )
  values (event_id, session_id, event_type, event_data, v_at, v_at);
  return event_id;
end
$$;

comment on function public.log_session_event(uuid, text, jsonb, uuid) is
'[user] Logs an event, which is a sign of life too, and answers its id. An event_id that this '
'session has already is answered again and nothing is inserted, also after the session ended. '
'Raises session_not_found, session_closed, not_signed_in, invalid_argument, payload_too_large. '
'Definer: clients write no table.';

grant execute on function public.log_session_event(uuid, text, jsonb, uuid)
to authenticated, service_role;

create function private.check_events(events jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
-- As private.insert_events reads times, or one could pass here and be out of range there.
set timezone = 'UTC'
as $$
declare
  v_entry record;
begin
  if jsonb_typeof(events) is distinct from 'array' then
    perform private.raise_invalid_argument('events', 'has to be a JSON array');
  elsif jsonb_array_length(events) > 1000 then
    perform private.raise_payload_too_large('events', '1,000 entries');
  end if;
  -- The first that is wrong, in one pass: the next may be megabytes.
  select e.number, private.is_over_16_kib(e.value) as is_over, e.value into v_entry
  from jsonb_array_elements(events) with ordinality as e (value, number)
  where
    -- Most are short, and a call for each would cost more than all the rest.
    case
      when pg_column_size(e.value) > 1024 then private.is_over_16_kib(e.value)
      else octet_length(e.value::text) > 16384
    end
    or jsonb_typeof(e.value) <> 'object'
    or jsonb_typeof(e.value -> 'event_type') is distinct from 'string'
    or char_length(e.value ->> 'event_type') > 512
    or jsonb_typeof(e.value -> 'event_data') <> 'object'
    or jsonb_typeof(e.value -> 'event_id') not in ('string', 'null')
    or jsonb_typeof(e.value -> 'occurred_at') not in ('string', 'null')
  limit 1;
  if v_entry.is_over then
    perform private.raise_payload_too_large(format('events[%s]', v_entry.number - 1), '16 KiB');
  elsif found then
    perform private.check_text(
      format('events[%s].event_type', v_entry.number - 1), v_entry.value ->> 'event_type'
    );
    perform private.raise_invalid_argument(
      format('events[%s]', v_entry.number - 1),
      'has to be an object {event_type: text, event_data: object, event_id: uuid, occurred_at: '
      'timestamp}'
    );
  end if;
  begin
    perform count((e ->> 'event_id')::uuid), count((e ->> 'occurred_at')::timestamptz)
    from jsonb_array_elements(events) as e;
  exception
    when data_exception then
      perform private.raise_invalid_argument(
        'events', format('has an event_id or occurred_at that cannot be read: %s', sqlerrm)
      );
  end;
end
$$;

comment on function private.check_events(jsonb) is
'Raises PT422 invalid_argument or PT413 payload_too_large for what is no array of at most 1,000 '
'events within their bounds, with ids and times that can be read.';

create function private.insert_events(
  session public.user_sessions, events jsonb, at timestamptz
)
returns integer
language plpgsql
security invoker
set search_path = ''
-- A time without an offset is in UTC.
set timezone = 'UTC'
as $$
declare
  v_since timestamptz := private.remembered_since(session, at);
  v_latest timestamptz := coalesce(session.session_end, at);
  v_count integer;
begin
  with entries as (
    select distinct on (id)
      coalesce((e.value ->> 'event_id')::uuid, gen_random_uuid()) as id,
      e.value ->> 'event_type' as event_type,
      coalesce(e.value -> 'event_data', '{}') as event_data,
      coalesce((e.value ->> 'occurred_at')::timestamptz, at) as occurred_at
    from jsonb_array_elements(events) with ordinality as e (value, number)
    order by id, e.number
  )

  insert into public.session_events (
    id, session_id, event_type, event_data, occurred_at, created_at
  )
  select
    e.id,
    session.id,
    e.event_type,
    e.event_data,
    greatest(session.session_start, least(e.occurred_at, v_latest)),
    at
  from entries as e
  where not exists (
    select from public.session_events as known
    where known.session_id = session.id and known.id = e.id and known.created_at >= v_since
    -- Looked up one by one, by the whole key, however many events the session has.
    offset 0
  );
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function private.insert_events(public.user_sessions, jsonb, timestamptz) is
'Logs the entries of a checked batch that a locked session does not have yet, in one statement. '
'Returns how many.';

create function public.log_session_events(session_id uuid, events jsonb)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
  v_at timestamptz;
  v_session public.user_sessions;
begin
  perform private.check_given('session_id', session_id is not null);
  perform private.check_events(events);
  v_at := private.lock_user_session(v_caller, session_id);
  v_session := private.own_user_session(v_caller, session_id, v_at);
  v_at := greatest(v_at, v_session.last_seen_at);
  if
    v_session.session_end
    <= private.later(v_at, -(select event_retention from private.settings))
  then
    perform private.raise_session_closed();
  end if;
  perform private.touch_user_session(v_session, v_at);
  return private.insert_events(v_session, events, v_at);
end
$$;

comment on function public.log_session_events(uuid, jsonb) is
'[user] Logs what a client has queued: an array of up to 1,000 {event_type, event_data, event_id, '
'occurred_at}. Skips ids that this session has already, answers how many were new. A session that '
'has ended takes them too, until event_retention after its end. occurred_at is clamped to the '
'session. Raises session_not_found, session_closed, not_signed_in, invalid_argument, '
'payload_too_large. Definer: clients write no table.';

grant execute on function public.log_session_events(uuid, jsonb) to authenticated, service_role;

create function public.cleanup_old_sessions(keep interval default null)
returns public.cleanup_result
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_result public.cleanup_result;
begin
  perform private.check_keep(keep);
  v_result.sessions_ended := private.end_unseen_user_sessions(10000);
  v_result.sessions_removed := private.remove_old_user_sessions(10000, keep);
  v_result.events_removed := private.drop_old_events();
  return v_result;
end
$$;

comment on function public.cleanup_old_sessions(interval) is
'[service] Stores the end of sessions that were not seen for session_timeout, removes those that '
'ended `keep` ago (null = session_retention) and drops the weeks of events that are older than '
'event_retention. Up to 10,000 sessions of each kind a call; what is locked is left. Raises '
'invalid_argument. Definer: back ends write no table.';

grant execute on function public.cleanup_old_sessions(interval) to service_role;
