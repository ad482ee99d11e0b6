-- Shared sessions: rooms with an invite link, which expire when nobody is active.
--
-- A room's expiry is never stored while it may still move: it follows from when its participants
-- were last seen, so a sign of life writes one row and nothing else. `private.room_expires_at` is
-- the one place that says when. What ended or expired stays so.

create table public.reading_sessions (
  id uuid primary key default gen_random_uuid(),
  host_id text not null,
  title text,
  invite_code text not null,
  topic text not null,
  max_participants integer not null,
  is_active boolean not null default true,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  constraint title_is_short check (char_length(title) <= 512),
  constraint there_is_a_place check (max_participants >= 1),
  constraint updated_at_is_not_before_created_at check (updated_at >= created_at)
)
with (fillfactor = 80);

comment on table public.reading_sessions is
'One row per room. Locking it (for no key update) is how a transition of this room excludes the '
'others. Read by who is in it.';
comment on column public.reading_sessions.host_id is
'Who may remove others and end the room. While nobody is in: who was host last; empty once that '
'one was erased. No foreign key: passing a room on would lock the heir''s account after the room.';
comment on column public.reading_sessions.invite_code is 'The secret of the invite link.';
comment on column public.reading_sessions.topic is
'The room''s Realtime topic of now. It changes with each removal, so that who was removed hears '
'nothing more.';
comment on column public.reading_sessions.is_active is
'False once it has ended or its expiry is stored; check_session_expiry says what is true.';
comment on column public.reading_sessions.updated_at is
'Instant of the last transition. The next one is later, also when the clock was set back.';

create index reading_sessions_host_id_idx on public.reading_sessions (host_id);
create unique index reading_sessions_topic_idx on public.reading_sessions (topic);

create table public.session_participants (
  id uuid primary key default gen_random_uuid(),
  session_id uuid not null references public.reading_sessions (id) on delete cascade,
  user_id text not null references public.accounts (user_id),
  display_name text,
  is_active boolean not null default true,
  joined_at timestamptz not null,
  last_seen_at timestamptz not null,
  left_at timestamptz,
  constraint one_row_per_user_and_room unique (session_id, user_id),
  constraint display_name_is_short check (char_length(display_name) <= 512),
  constraint left_at_is_set_unless_in check (is_active = (left_at is null)),
  constraint last_seen_at_is_not_before_joined_at check (last_seen_at >= joined_at),
  constraint left_at_is_not_before_joined_at check (left_at >= joined_at)
)
-- A sign of life changes last_seen_at, which no index knows; room on the page keeps that a HOT
-- update.
with (fillfactor = 70);

comment on table public.session_participants is
'One row per user and room, of everybody who was ever in; rejoining reuses it. Read by who is in '
'the room.';
comment on column public.session_participants.is_active is
'Whether the person is in: has joined and neither left nor been removed.';
comment on column public.session_participants.joined_at is 'The last time of joining.';

create index session_participants_rooms_of_a_user
on public.session_participants (user_id, session_id) where is_active;

create function private.rooms_of_caller()
returns setof uuid
language sql
stable
security definer
set search_path = ''
rows 10
as $$
  select p.session_id
  from public.session_participants as p
  where p.user_id = private.caller() and p.is_active;
$$;

comment on function private.rooms_of_caller() is
'The rooms that the caller is in: what the policies on rooms compare with. Definer: a policy on '
'participants cannot read participants through itself.';

grant execute on function private.rooms_of_caller() to authenticated;

alter table public.reading_sessions enable row level security;
revoke all on table public.reading_sessions from anon, authenticated, service_role;
grant select on table public.reading_sessions to authenticated, service_role;

create policy reading_sessions_select_in on public.reading_sessions for select to authenticated
-- An array, which an index can be asked for; a subquery would filter all there is.
using (id = any(array(select private.rooms_of_caller())));

alter table public.session_participants enable row level security;
revoke all on table public.session_participants from anon, authenticated, service_role;
grant select on table public.session_participants to authenticated, service_role;

create policy session_participants_select_in on public.session_participants
for select to authenticated
using (session_id = any(array(select private.rooms_of_caller())));

create table private.rooms (
  session_id uuid primary key,
  invite_hash bytea not null unique,
  host_id text,
  version bigint not null default 1,
  removal_count integer not null default 0,
  created_at timestamptz not null,
  check_at timestamptz,
  warned_expires_at timestamptz,
  last_activity_at timestamptz,
  erased_seen_at timestamptz,
  ended_at timestamptz,
  expired_at timestamptz,
  removed_at timestamptz,
  constraint it_ended_or_expired_or_neither check (ended_at is null or expired_at is null),
  constraint check_at_is_set_while_it_lives check (
    (check_at is null) = (coalesce(ended_at, expired_at) is not null)
  ),
  constraint last_activity_at_is_set_once_over check (
    (last_activity_at is null) = (check_at is not null)
  ),
  constraint only_what_is_over_is_removed check (removed_at is null or check_at is null),
  constraint host_id_is_set_once_removed check ((host_id is null) = (removed_at is null))
)
with (fillfactor = 80);

comment on table private.rooms is
'What only the machinery knows of a room, and the room''s tombstone: it stays for '
'session_retention after the end or expiry, the row in reading_sessions does not.';
comment on column private.rooms.invite_hash is
'SHA-256 of the invite code. Looked up by hash, a wrong code takes as long as a right one.';
comment on column private.rooms.host_id is
'The last host, of a room that was removed; empty once that one was erased.';
comment on column private.rooms.erased_seen_at is
'When somebody was last seen who was erased since.';
comment on column private.rooms.check_at is
'The sweep need not look before this instant: activity only puts a room''s deadlines off. Null '
'once the room is over.';
comment on column private.rooms.warned_expires_at is 'The expiry that was last warned of.';

create index rooms_check_at_idx on private.rooms (check_at) where check_at is not null;
create index rooms_to_remove on private.rooms (last_activity_at)
where check_at is null and removed_at is null;
create index rooms_by_end on private.rooms (coalesce(ended_at, expired_at))
where check_at is null;
create index rooms_created_at_idx on private.rooms (created_at);

alter table private.rooms enable row level security;

create table private.room_members (
  session_id uuid not null references private.rooms (session_id) on delete cascade,
  user_id text not null,
  first_joined_at timestamptz not null,
  is_removed boolean not null default false,
  was_in boolean,
  last_seen_at timestamptz,
  primary key (session_id, user_id)
);

comment on table private.room_members is
'Everybody who was ever in a room, as long as the room''s tombstone stays. was_in and last_seen_at '
'are copied from session_participants when the room is removed.';
comment on column private.room_members.is_removed is 'Removed by the host: stays out.';

create index room_members_user_id_idx on private.room_members (user_id);

alter table private.room_members enable row level security;

create type public.participant_presence as (
  user_id text,
  display_name text,
  role text,
  is_online boolean,
  joined_at timestamptz,
  last_seen_at timestamptz
);

comment on type public.participant_presence is
'Somebody who is in a room, as seen now; the role is host or participant.';

create type public.session_expiry as (
  is_expired boolean,
  last_activity_at timestamptz,
  expires_at timestamptz,
  minutes_until_expiry integer
);

comment on type public.session_expiry is 'When a room expires unless somebody is active.';

create type private.room_turn as (
  at timestamptz,
  room public.reading_sessions,
  status text,
  standing text,
  host_id text
);

comment on type private.room_turn is
'A call''s turn at a room: the instant, the room (locked while the status is live, null once it '
'was removed), its status (as private.room_status), the caller''s standing and the host.';

-- Reading.

create function private.last_activity(session_id uuid)
returns timestamptz
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return (
    select greatest(k.created_at, k.erased_seen_at, (
      select max(p.last_seen_at)
      from public.session_participants as p
      where p.session_id = k.session_id
    ))
    from private.rooms as k
    where k.session_id = last_activity.session_id
  );
end
$$;

comment on function private.last_activity(uuid) is
'When anybody who was ever in a room was last seen, else its creation.';

create function private.room_expires_at(session_id uuid)
returns timestamptz
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return (
    select coalesce(
      k.ended_at,
      k.expired_at,
      private.later(private.last_activity(k.session_id), s.session_timeout)
    )
    from private.rooms as k
    cross join private.settings as s
    where k.session_id = room_expires_at.session_id
  );
end
$$;

comment on function private.room_expires_at(uuid) is
'When a room expires unless somebody is active, or when it expired or ended. The one definition, '
'for joining, touching, the expiry check and the sweeps.';

create function private.room_status(session_id uuid, at timestamptz)
returns text
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_room private.rooms;
  v_expires_at timestamptz;
begin
  select * into v_room
  from private.rooms as k
  where k.session_id = room_status.session_id;
  v_expires_at := private.room_expires_at(session_id);
  -- What is stored as over stays so, also when the clock was set back.
  if v_room.check_at is not null and v_expires_at > at then
    return 'live';
  elsif private.later(v_expires_at, (select session_retention from private.settings)) > at then
    return case when v_room.ended_at is null then 'expired' else 'ended' end;
  end if;
  return null;
end
$$;

comment on function private.room_status(uuid, timestamptz) is
'How a room stands at an instant: live, expired or ended; null when there is none, or none any '
'more: session_retention after its end.';

create function private.standing(session_id uuid, user_id text)
returns text
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return (
    select case
      when m.is_removed then 'removed'
      when coalesce(p.is_active, m.was_in) then 'in'
      else 'left'
    end
    from private.room_members as m
    left join public.session_participants as p
      on p.session_id = m.session_id and p.user_id = m.user_id
    where m.session_id = standing.session_id and m.user_id = standing.user_id
  );
end
$$;

comment on function private.standing(uuid, text) is
'What somebody is to a room, removed or not: in, left or removed; null when they were never in.';

create function private.in_words(duration interval)
returns text
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  v_months numeric := extract(year from duration) * 12 + extract(month from duration);
  v_count numeric := extract(epoch from duration);
  v_unit text := 'second';
begin
  if duration = make_interval(months => v_months::integer) then
    v_count := v_months;
    v_unit := 'month';
    if v_months % 12 = 0 then
      v_count := v_months / 12;
      v_unit := 'year';
    end if;
  else
    if v_count % 86400 = 0 then
      v_count := v_count / 86400;
      v_unit := 'day';
    elsif v_count % 3600 = 0 then
      v_count := v_count / 3600;
      v_unit := 'hour';
    elsif v_count % 60 = 0 then
      v_count := v_count / 60;
      v_unit := 'minute';
    end if;
  end if;
  return trim_scale(v_count) || ' ' || v_unit || case when v_count = 1 then '' else 's' end;
end
$$;

comment on function private.in_words(interval) is
'A duration for people, in the largest unit that gives a whole number: 1 hour, 90 minutes.';

create function private.raise_room_error(slug text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  case slug
    when 'session_not_found' then
      raise sqlstate 'PT404' using
        message = slug,
        detail = 'You know no room with this id or invite code, or it has ended.',
        hint = 'Ask for a new link.';
    when 'not_a_participant' then
      raise sqlstate 'PT403' using
        message = slug,
        detail = 'You left this room or were removed from it.',
        hint = 'Who left may join again; who was removed may not.';
    when 'not_the_host' then
      raise sqlstate 'PT403' using
        message = slug,
        detail = 'Somebody else hosts this room.',
        hint = 'Only the host may do this.';
    when 'session_full' then
      raise sqlstate 'PT409' using
        message = slug,
        detail = 'All places of this room are taken.',
        hint = 'Try again when somebody has left.';
    when 'session_closed' then
      raise sqlstate 'PT409' using
        message = slug,
        detail = 'This room has ended or expired.',
        hint = 'Create a new one.';
    when 'invite_expired' then
      raise sqlstate 'PT410' using
        message = slug,
        detail = format(
          'This invitation link has expired. Sessions become inactive after %s of no activity.',
          private.in_words((select session_timeout from private.settings))
        ),
        hint = 'Ask for a new link.';
  end case;
end
$$;

comment on function private.raise_room_error(text) is
'Raises PT404 session_not_found, PT403 not_a_participant or not_the_host, PT409 session_full or '
'session_closed, PT410 invite_expired.';

create function private.require_in(status text, standing text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if status is null or standing is null then
    perform private.raise_room_error('session_not_found');
  elsif standing <> 'in' then
    perform private.raise_room_error('not_a_participant');
  end if;
end
$$;

comment on function private.require_in(text, text) is
'Lets pass who is in a room that is known, given its status and their standing. Raises PT404 '
'session_not_found, PT403 not_a_participant.';

create function private.visited_room(session_id uuid, user_id text, at timestamptz)
returns text
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_status text;
begin
  perform private.check_given('session_id', session_id is not null);
  v_status := private.room_status(session_id, at);
  perform private.require_in(v_status, private.standing(session_id, user_id));
  return v_status;
end
$$;

comment on function private.visited_room(uuid, text, timestamptz) is
'The status of a room for somebody who is in it. Raises PT422 invalid_argument, PT404 '
'session_not_found, PT403 not_a_participant.';

create function public.list_participants(session_id uuid)
returns setof public.participant_presence
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
  v_now timestamptz := clock_timestamp();
begin
  if private.visited_room(session_id, v_caller, v_now) <> 'live' then
    return;
  end if;
  return query
  select (private.presence(p, r.host_id, v_now)).*
  from public.session_participants as p
  inner join public.reading_sessions as r on r.id = p.session_id
  where p.session_id = list_participants.session_id and p.is_active
  order by p.joined_at, p.id;
end
$$;

comment on function public.list_participants(uuid) is
'[user] Who is in the room, longest first, with who was seen within 75 s; empty once the room is '
'over. Raises session_not_found, not_a_participant, not_signed_in, invalid_argument. Definer: '
'computes from the clock as the machinery does.';

grant execute on function public.list_participants(uuid) to authenticated, service_role;

create function private.presence(
  participant public.session_participants, host_id text, at timestamptz
)
returns public.participant_presence
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return row(
    participant.user_id,
    participant.display_name,
    case when participant.user_id = host_id then 'host' else 'participant' end,
    -- Hidden tabs run timers about once a minute: less would make people flicker.
    participant.last_seen_at >= at - interval '75 seconds',
    participant.joined_at,
    participant.last_seen_at
  )::public.participant_presence;
end
$$;

comment on function private.presence(public.session_participants, text, timestamptz) is
'How a participant shows at an instant.';

create function public.check_session_expiry(session_id uuid)
returns public.session_expiry
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
  v_now timestamptz := clock_timestamp();
  v_status text := private.visited_room(session_id, v_caller, v_now);
  v_report public.session_expiry;
begin
  select coalesce(k.last_activity_at, private.last_activity(k.session_id))
  into v_report.last_activity_at
  from private.rooms as k
  where k.session_id = check_session_expiry.session_id;
  v_report.is_expired := v_status <> 'live';
  v_report.expires_at := private.room_expires_at(session_id);
  v_report.minutes_until_expiry := case
    when v_report.is_expired then 0
    else floor(extract(epoch from v_report.expires_at - v_now) / 60)
  end;
  return v_report;
end
$$;

comment on function public.check_session_expiry(uuid) is
'[user] When the room expires unless somebody is active, in whole minutes too. Of a room that '
'ended: that instant, as expired. Raises session_not_found, not_a_participant, not_signed_in, '
'invalid_argument. Definer: as list_participants.';

grant execute on function public.check_session_expiry(uuid) to authenticated, service_role;
