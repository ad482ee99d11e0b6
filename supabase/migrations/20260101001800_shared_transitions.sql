-- Transitions of shared sessions: create, join, leave, remove, end, a sign of life, and the sweeps.
--
-- Locks, in this order: the account (made, never changed here), the room, its participants, its row
-- in private.rooms. A sign of life that is in time locks its own participant only and waits for
-- nothing after it. The sweeps wait for nobody.

create function private.await_participants(session_id uuid)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  perform from public.session_participants as p
  where p.session_id = await_participants.session_id
  order by p.id
  for no key update;
end
$$;

comment on function private.await_participants(uuid) is
'Locks all participants of a locked room that seems expired: who is seen this moment has not '
'committed. Look again after it.';

create function private.lock_room(session_id uuid, user_id text)
returns private.room_turn
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_turn private.room_turn;
  v_room public.reading_sessions;
begin
  -- What is over stays over, so nobody waits for the sweep that removes it.
  v_turn.at := clock_timestamp();
  if exists (
    select from public.reading_sessions as r where r.id = lock_room.session_id and r.is_active
  ) then
    select * into v_room
    from public.reading_sessions as r
    where r.id = lock_room.session_id
    for no key update;
    v_turn.at := private.next_instant(v_room.updated_at);
    if private.room_status(session_id, v_turn.at) = 'expired' then
      perform private.await_participants(session_id);
      v_turn.at := private.next_instant(v_room.updated_at);
    end if;
  else
    select * into v_room
    from public.reading_sessions as r
    where r.id = lock_room.session_id;
  end if;
  v_turn.room := v_room;
  v_turn.status := private.room_status(session_id, v_turn.at);
  v_turn.standing := private.standing(session_id, user_id);
  v_turn.host_id := coalesce(
    v_room.host_id,
    (select k.host_id from private.rooms as k where k.session_id = lock_room.session_id)
  );
  return v_turn;
end
$$;

comment on function private.lock_room(uuid, text) is
'Locks a room, then reads the clock and how the room stands: the instant of the transition that '
'follows, later than the one before. A room that is over for good is not locked.';

create function private.record_room_transition(session_id uuid, at timestamptz)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  update public.reading_sessions as r
  set updated_at = at
  where r.id = record_room_transition.session_id;
  update private.rooms as k
  set version = k.version + 1
  where k.session_id = record_room_transition.session_id;
end
$$;

comment on function private.record_room_transition(uuid, timestamptz) is
'Counts a transition of a room that is locked.';

create function private.announce_room(
  event text, session_id uuid, at timestamptz, details jsonb default '{}'
)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  perform realtime.send(
    jsonb_build_object('version', k.version, 'at', at) || details, event, r.topic, true
  )
  from public.reading_sessions as r
  inner join private.rooms as k on k.session_id = r.id
  where r.id = announce_room.session_id;
end
$$;

comment on function private.announce_room(text, uuid, timestamptz, jsonb) is
'Sends an event with the room''s version to the room''s topic of now.';

create function private.announce_to_member(
  event text, user_id text, at timestamptz, details jsonb
)
returns void
language sql
security invoker
set search_path = ''
as $$
  select realtime.send(
    jsonb_build_object('version', (private.usage_state_at(user_id, at)).version, 'at', at)
    || details,
    event,
    'user:' || user_id,
    true
  );
$$;

comment on function private.announce_to_member(text, text, timestamptz, jsonb) is
'Sends room:moved or room:removed to a user''s topic, with the version of the user''s state, which '
'it does not raise.';

create function private.announce_joined(participant_id uuid, at timestamptz)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  perform private.announce_room(
    'participant:joined', r.id, at,
    jsonb_build_object(
      'participant', to_jsonb(private.presence(p, r.host_id, at)), 'host_id', r.host_id
    )
  )
  from public.session_participants as p
  inner join public.reading_sessions as r on r.id = p.session_id
  where p.id = participant_id;
end
$$;

comment on function private.announce_joined(uuid, timestamptz) is
'Tells a room who has joined.';

create function private.announce_left(
  session_id uuid, user_id text, reason text, at timestamptz
)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  perform private.announce_room(
    'participant:left', r.id, at,
    jsonb_build_object('user_id', user_id, 'reason', reason, 'host_id', r.host_id)
  )
  from public.reading_sessions as r
  where r.id = announce_left.session_id;
end
$$;

comment on function private.announce_left(uuid, text, text, timestamptz) is
'Tells a room who is out (left or removed), and who is the host now.';

create function private.new_invite_code()
returns text
language sql
volatile
security invoker
set search_path = ''
as $$
  -- The bytes of a random UUID that hold neither its version nor its variant: 24 of them.
  select translate(
    encode(
      substr(uuid_send(a), 1, 6) || substr(uuid_send(a), 10, 6)
      || substr(uuid_send(b), 1, 6) || substr(uuid_send(b), 10, 6),
      'base64'
    ),
    '+/', '-_'
  )
  from (select gen_random_uuid() as a, gen_random_uuid() as b) as random;
$$;

comment on function private.new_invite_code() is
'192 random bits as 32 characters that need no escaping in a URL.';

create function private.invite_hash(code text)
returns bytea
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return sha256(convert_to(code, 'UTF8'));
end
$$;

comment on function private.invite_hash(text) is 'What an invite code is looked up by.';

create function private.enter_room(
  session_id uuid, user_id text, display_name text, at timestamptz
)
returns public.session_participants
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_participant public.session_participants;
begin
  insert into private.room_members (session_id, user_id, first_joined_at)
  values (session_id, user_id, at)
  on conflict do nothing;
  insert into public.session_participants as p (
    session_id, user_id, display_name, joined_at, last_seen_at
  )
  values (session_id, user_id, display_name, at, at)
  on conflict on constraint one_row_per_user_and_room do update
  set
    display_name = coalesce(excluded.display_name, p.display_name),
    is_active = true,
    joined_at = case when p.is_active then p.joined_at else excluded.joined_at end,
    last_seen_at = greatest(excluded.last_seen_at, p.last_seen_at),
    left_at = null
  returning p.* into v_participant;
  return v_participant;
end
$$;

comment on function private.enter_room(uuid, text, text, timestamptz) is
'Lets somebody into a locked room, in the row that they had if they had one; who is in already has '
'shown a sign of life.';

create function public.create_reading_session(
  title text default null, max_participants integer default 8, display_name text default null
)
returns public.reading_sessions
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
  v_room public.reading_sessions;
  v_check_at timestamptz;
begin
  perform private.check_text('title', title);
  perform private.check_text('display_name', display_name);
  if max_participants is null or max_participants < 1 then
    perform private.raise_invalid_argument('max_participants', 'has to be 1 or more');
  end if;
  perform private.ensure_account(v_caller);
  v_room.id := gen_random_uuid();
  v_room.host_id := v_caller;
  v_room.title := title;
  v_room.invite_code := private.new_invite_code();
  v_room.topic := 'reading_session:' || v_room.id;
  v_room.max_participants := max_participants;
  v_room.is_active := true;
  v_room.created_at := clock_timestamp();
  v_room.updated_at := v_room.created_at;
  select private.later(private.later(v_room.created_at, s.session_timeout), -s.expiry_warning)
  into v_check_at
  from private.settings as s;
  insert into public.reading_sessions select v_room.*;
  insert into private.rooms (session_id, invite_hash, created_at, check_at)
  values (v_room.id, private.invite_hash(v_room.invite_code), v_room.created_at, v_check_at);
  perform private.enter_room(v_room.id, v_caller, display_name, v_room.created_at);
  perform private.announce_deadline(v_check_at, v_room.created_at);
  return v_room;
end
$$;

comment on function public.create_reading_session(text, integer, text) is
'[user] Makes a room with an unguessable invite code; the caller is host and first participant. '
'Raises not_signed_in, invalid_argument, payload_too_large. Definer: clients write no table.';

grant execute on function public.create_reading_session(text, integer, text)
to authenticated, service_role;

create function private.check_join_arguments(
  session_id uuid, invite_code text, access_method text, display_name text
)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  perform private.check_text('invite_code', invite_code);
  perform private.check_text('access_method', access_method);
  perform private.check_text('display_name', display_name);
  if access_method is null or access_method not in ('invite', 'direct') then
    perform private.raise_invalid_argument('access_method', 'has to be invite or direct');
  elsif access_method = 'invite' then
    perform private.check_given('invite_code', invite_code is not null);
  else
    perform private.check_given('session_id', session_id is not null);
  end if;
end
$$;

comment on function private.check_join_arguments(uuid, text, text, text) is
'Raises PT422 invalid_argument or PT413 payload_too_large.';

create function private.check_join(turn private.room_turn, is_by_invite boolean)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if
    turn.status is null
    or (is_by_invite and turn.status = 'ended')
    or (not is_by_invite and turn.standing is null)
  then
    perform private.raise_room_error('session_not_found');
  elsif turn.standing = 'removed' then
    perform private.raise_room_error('not_a_participant');
  elsif turn.status <> 'live' then
    perform private.raise_room_error(
      case when is_by_invite then 'invite_expired' else 'session_closed' end
    );
  elsif turn.standing is distinct from 'in' and (turn.room).max_participants <= (
    select count(*)
    from public.session_participants as p
    where p.session_id = (turn.room).id and p.is_active
  ) then
    perform private.raise_room_error('session_full');
  end if;
end
$$;

comment on function private.check_join(private.room_turn, boolean) is
'Raises unless the caller may join: PT404 session_not_found, PT403 not_a_participant, PT410 '
'invite_expired, PT409 session_closed or session_full.';

create function public.join_session(
  session_id uuid default null,
  invite_code text default null,
  access_method text default 'invite',
  display_name text default null
)
returns public.session_participants
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
  v_session_id uuid := session_id;
  v_turn private.room_turn;
  v_participant public.session_participants;
begin
  perform private.check_join_arguments(session_id, invite_code, access_method, display_name);
  if invite_code is not null then
    select k.session_id into v_session_id
    from private.rooms as k
    where k.invite_hash = private.invite_hash(join_session.invite_code);
    if not found or v_session_id <> session_id then
      perform private.raise_room_error('session_not_found');
    end if;
  end if;
  perform private.ensure_account(v_caller);
  v_turn := private.lock_room(v_session_id, v_caller);
  perform private.check_join(v_turn, access_method = 'invite');
  if not exists (
    select from public.session_participants as p
    where p.session_id = v_session_id and p.is_active
  ) then
    update public.reading_sessions as r set host_id = v_caller where r.id = v_session_id;
  end if;
  v_participant := private.enter_room(v_session_id, v_caller, display_name, v_turn.at);
  if v_turn.standing is distinct from 'in' then
    perform private.record_room_transition(v_session_id, v_turn.at);
    perform private.announce_joined(v_participant.id, v_turn.at);
  end if;
  return v_participant;
end
$$;

comment on function public.join_session(uuid, text, text, text) is
'[user] Joins a room: by invite with its code, direct with its id for who was in it before. Who is '
'in already shows a sign of life. Into a room where nobody is, one comes as host. Raises '
'session_not_found, not_a_participant, session_full, session_closed, invite_expired, '
'not_signed_in, invalid_argument, payload_too_large. Definer: clients write no table.';

grant execute on function public.join_session(uuid, text, text, text)
to authenticated, service_role;

create function public.touch_presence(session_id uuid)
returns timestamptz
language plpgsql
security definer
set search_path = ''
as $$
declare
  -- As few calls as possible: this is called often. Who is nobody here finds no row.
  v_caller text := private.caller();
  v_timeout interval;
  v_before timestamptz := clock_timestamp();
  v_now timestamptz;
  v_seen_at timestamptz;
begin
  -- Locks only who was seen lately, and so is in a room that lives; one instant for the condition,
  -- or a wait could turn it into a lock that is held and not found.
  select s.session_timeout into v_timeout
  from public.session_participants as p
  cross join private.settings as s
  where
    p.session_id = touch_presence.session_id
    and p.user_id = v_caller
    and p.is_active
    and (p.last_seen_at at time zone 'UTC' + s.session_timeout) at time zone 'UTC' > v_before
  for no key update of p;
  if not found then
    return private.touch_late(session_id, private.caller_id(), v_before);
  end if;
  -- A statement of its own: it sees what whoever had the lock has left, and the clock after it.
  v_now := clock_timestamp();
  update public.session_participants as p
  set last_seen_at = greatest(v_now, p.last_seen_at)
  where
    p.session_id = touch_presence.session_id
    and p.user_id = v_caller
    and p.is_active
    and (
      (p.last_seen_at at time zone 'UTC' + v_timeout) at time zone 'UTC' > v_now
      or private.room_expires_at(p.session_id) > v_now
    )
    and (
      select r.is_active from public.reading_sessions as r where r.id = touch_presence.session_id
    )
  returning p.last_seen_at into v_seen_at;
  if not found then
    perform private.visited_room(session_id, v_caller, v_now);
    perform private.raise_room_error('session_closed');
  end if;
  return v_seen_at;
end
$$;

comment on function public.touch_presence(uuid) is
'[user] A sign of life: last_seen_at of the caller, which keeps the room from expiring. Raises '
'session_not_found, not_a_participant, session_closed, not_signed_in, invalid_argument. Definer: '
'clients write no table.';

grant execute on function public.touch_presence(uuid) to authenticated, service_role;

create function private.touch_late(session_id uuid, user_id text, since timestamptz)
returns timestamptz
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_turn private.room_turn;
  v_seen_at timestamptz;
begin
  -- Judged without a lock first: the caller may hold the row of somebody who just left.
  if private.visited_room(session_id, user_id, clock_timestamp()) = 'ended' or not exists (
    select from public.reading_sessions as r where r.id = touch_late.session_id and r.is_active
  ) then
    perform private.raise_room_error('session_closed');
  end if;
  if exists (
    select from public.session_participants as p
    where
      p.session_id = touch_late.session_id
      and p.user_id = touch_late.user_id
      and p.is_active
      and private.later(p.last_seen_at, (select session_timeout from private.settings)) > since
  ) then
    -- Back already, and perhaps locked: nothing may be waited for with that lock held.
    return public.touch_presence(session_id);
  end if;
  v_turn := private.lock_room(session_id, user_id);
  perform private.require_in(v_turn.status, v_turn.standing);
  if v_turn.status <> 'live' then
    perform private.raise_room_error('session_closed');
  end if;
  update public.session_participants as p
  set last_seen_at = greatest(v_turn.at, p.last_seen_at)
  where p.session_id = touch_late.session_id and p.user_id = touch_late.user_id
  returning p.last_seen_at into v_seen_at;
  return v_seen_at;
end
$$;

comment on function private.touch_late(uuid, text, timestamptz) is
'A sign of life of somebody who was not seen for session_timeout: others may have kept the room '
'alive, so this one waits its turn. Raises PT422 invalid_argument, PT404 session_not_found, PT403 '
'not_a_participant, PT409 session_closed.';

create function public.leave_session(session_id uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
  v_turn private.room_turn;
begin
  perform private.check_given('session_id', session_id is not null);
  v_turn := private.lock_room(session_id, v_caller);
  if v_turn.status is null or v_turn.standing is null then
    perform private.raise_room_error('session_not_found');
  elsif v_turn.status <> 'live' or v_turn.standing <> 'in' then
    return;
  end if;
  perform private.depart_room(v_turn, v_caller);
end
$$;

comment on function public.leave_session(uuid) is
'[user] Leaves a room; when a host leaves, who has been in longest becomes host. Who is out '
'already, or in a room that is over, changes nothing. Raises session_not_found, not_signed_in, '
'invalid_argument. Definer: clients write no table.';

grant execute on function public.leave_session(uuid) to authenticated, service_role;

create function private.depart_room(turn private.room_turn, user_id text)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_session_id uuid := (turn.room).id;
begin
  update public.session_participants as p
  set
    is_active = false,
    left_at = turn.at,
    last_seen_at = greatest(turn.at, p.last_seen_at)
  where p.session_id = v_session_id and p.user_id = depart_room.user_id;
  if turn.host_id = user_id then
    perform private.pass_room_on(v_session_id);
  end if;
  perform private.record_room_transition(v_session_id, turn.at);
  perform private.announce_left(v_session_id, user_id, 'left', turn.at);
end
$$;

comment on function private.depart_room(private.room_turn, text) is
'Somebody who is in a room that lives leaves it, and passes it on if they host it.';

create function private.pass_room_on(session_id uuid)
returns void
language sql
security invoker
set search_path = ''
as $$
  update public.reading_sessions as r
  set host_id = heir.user_id
  from (
    select p.user_id
    from public.session_participants as p
    where p.session_id = pass_room_on.session_id and p.is_active
    order by p.joined_at, p.id
    limit 1
  ) as heir
  where r.id = pass_room_on.session_id;
$$;

comment on function private.pass_room_on(uuid) is
'Makes host of a locked room who has been in longest; while nobody is in, nothing changes.';

create function private.lock_own_room(session_id uuid, user_id text)
returns private.room_turn
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_turn private.room_turn := private.lock_room(session_id, user_id);
begin
  perform private.require_in(v_turn.status, v_turn.standing);
  if v_turn.host_id <> user_id then
    perform private.raise_room_error('not_the_host');
  end if;
  return v_turn;
end
$$;

comment on function private.lock_own_room(uuid, text) is
'The turn of a host. Raises PT404 session_not_found, PT403 not_a_participant or not_the_host.';

create function private.close_room(session_id uuid, at timestamptz, expired_at timestamptz)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  update private.rooms as k
  set
    last_activity_at = private.last_activity(k.session_id),
    expired_at = close_room.expired_at,
    ended_at = case when close_room.expired_at is null then close_room.at end,
    check_at = null,
    version = k.version + 1
  where k.session_id = close_room.session_id;
  update public.reading_sessions as r
  set is_active = false, updated_at = at
  where r.id = close_room.session_id;
end
$$;

comment on function private.close_room(uuid, timestamptz, timestamptz) is
'Stores for good that a locked room expired at expired_at or, where that is null, ended now.';

create function public.end_reading_session(session_id uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
  v_turn private.room_turn;
begin
  perform private.check_given('session_id', session_id is not null);
  v_turn := private.lock_own_room(session_id, v_caller);
  if v_turn.status = 'live' then
    perform private.close_room(session_id, v_turn.at, null);
    perform private.announce_room('session:ended', session_id, v_turn.at);
  end if;
end
$$;

comment on function public.end_reading_session(uuid) is
'[user] The host ends the room for everybody. Of a room that is over: nothing changes. Raises '
'session_not_found, not_a_participant, not_the_host, not_signed_in, invalid_argument. Definer: '
'clients write no table.';

grant execute on function public.end_reading_session(uuid) to authenticated, service_role;

create function public.remove_participant(session_id uuid, participant_user_id text)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
  v_turn private.room_turn;
  v_standing text;
begin
  perform private.check_user_id('participant_user_id', participant_user_id);
  perform private.check_given('session_id', session_id is not null);
  if participant_user_id = v_caller then
    perform private.raise_invalid_argument('participant_user_id', 'is yourself: leave instead');
  end if;
  v_turn := private.lock_own_room(session_id, v_caller);
  if v_turn.status <> 'live' then
    perform private.raise_room_error('session_closed');
  end if;
  v_standing := private.standing(session_id, participant_user_id);
  if v_standing in ('in', 'left') then
    perform private.shut_out(session_id, participant_user_id, v_turn.at);
    perform private.announce_removal(session_id, participant_user_id, v_standing, v_turn.at);
  end if;
end
$$;

comment on function public.remove_participant(uuid, text) is
'[user] The host removes somebody, who cannot come back; the room moves to a new topic. Who was '
'removed already or never in: nothing changes. Raises session_not_found, not_a_participant, '
'not_the_host, session_closed, not_signed_in, invalid_argument, payload_too_large. Definer: '
'clients write no table.';

grant execute on function public.remove_participant(uuid, text) to authenticated, service_role;

create function private.shut_out(session_id uuid, user_id text, at timestamptz)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_removal_count integer;
begin
  update public.session_participants as p
  set is_active = false, left_at = at
  where p.session_id = shut_out.session_id and p.user_id = shut_out.user_id and p.is_active;
  update private.room_members as m
  set is_removed = true
  where m.session_id = shut_out.session_id and m.user_id = shut_out.user_id;
  update private.rooms as k
  set removal_count = k.removal_count + 1
  where k.session_id = shut_out.session_id
  returning k.removal_count into v_removal_count;
  update public.reading_sessions as r
  set topic = format('reading_session:%s:%s', r.id, v_removal_count)
  where r.id = shut_out.session_id;
  perform private.record_room_transition(session_id, at);
end
$$;

comment on function private.shut_out(uuid, text, timestamptz) is
'Removes somebody from a locked room and moves the room to its next topic.';

create function private.announce_removal(
  session_id uuid, user_id text, standing text, at timestamptz
)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  perform private.announce_to_member(
    'room:removed', user_id, at, jsonb_build_object('session_id', session_id)
  );
  perform private.announce_to_member(
    'room:moved', p.user_id, at,
    jsonb_build_object('session_id', p.session_id, 'topic', r.topic)
  )
  from public.session_participants as p
  inner join public.reading_sessions as r on r.id = p.session_id
  where p.session_id = announce_removal.session_id and p.is_active;
  if standing = 'in' then
    perform private.announce_left(session_id, user_id, 'removed', at);
  end if;
end
$$;

comment on function private.announce_removal(uuid, text, text, timestamptz) is
'Tells the removed one that, those who are in where the room is now, and there, unless the removed '
'one had left already, who is out.';

create function private.hears_room(topic text)
returns boolean
language sql
stable
security definer
set search_path = ''
as $$
  select exists (
    select from public.reading_sessions as r
    inner join public.session_participants as p on p.session_id = r.id
    where
      r.topic = hears_room.topic
      and p.user_id = private.caller()
      and p.is_active
      and private.room_status(r.id, clock_timestamp()) = 'live'
  );
$$;

comment on function private.hears_room(text) is
'Whether a topic is that of a room which lives and which the caller is in: what the policies on '
'its messages ask. Definer: readers cannot ask whether it lives.';

grant execute on function private.hears_room(text) to authenticated;

-- The sweeps.

create function private.try_participants(session_id uuid)
returns boolean
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_locked_count bigint;
begin
  select count(*) into v_locked_count
  from (
    select from public.session_participants as p
    where p.session_id = try_participants.session_id
    for no key update skip locked
  ) as locked;
  return v_locked_count = (
    select count(*)
    from public.session_participants as p
    where p.session_id = try_participants.session_id
  );
end
$$;

comment on function private.try_participants(uuid) is
'Locks all participants of a locked room, unless one of them is locked: somebody is seen this '
'moment.';

create function private.expire_room(session_id uuid, at timestamptz, expired_at timestamptz)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  perform private.close_room(session_id, at, expired_at);
  perform private.announce_room(
    'session:expired', session_id, at, jsonb_build_object('expired_at', expired_at)
  );
end
$$;

comment on function private.expire_room(uuid, timestamptz, timestamptz) is
'Stores for good that a locked room expired, and tells it.';

create function private.warn_room(
  room public.reading_sessions, expires_at timestamptz, at timestamptz
)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_details jsonb := jsonb_build_object(
    'expires_at', expires_at,
    'minutes_left', floor(extract(epoch from expires_at - at) / 60)
  );
begin
  perform private.announce_room('session:expiring', room.id, at, v_details);
  perform private.notify(
    member.user_id, 'session_expiring', concat_ws(':', room.id, extract(epoch from expires_at)),
    v_details || jsonb_build_object('session_id', room.id, 'title', room.title),
    at
  )
  from (
    select a.user_id
    from public.session_participants as p
    inner join public.accounts as a on a.user_id = p.user_id
    where p.session_id = room.id and p.is_active
    -- Who is being erased this moment hears of nothing more, and is not waited for.
    for key share of a skip locked
  ) as member;
end
$$;

comment on function private.warn_room(
  public.reading_sessions, timestamptz, timestamptz
) is
'Tells a locked room, and each who is in it, that it expires soon.';

create function private.check_room(room public.reading_sessions)
returns boolean
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_at timestamptz := private.next_instant(room.updated_at);
  v_expires_at timestamptz := private.room_expires_at(room.id);
  v_warns_at timestamptz;
  v_warned_expires_at timestamptz;
begin
  if v_expires_at <= v_at then
    -- Whoever is seen this moment calls it off.
    if not private.try_participants(room.id) then
      return false;
    end if;
    -- A statement of its own: it sees what whoever had the locks has left.
    if private.room_expires_at(room.id) > v_at then
      return false;
    end if;
    perform private.expire_room(room.id, v_at, v_expires_at);
    return true;
  end if;
  select private.later(v_expires_at, -s.expiry_warning), k.warned_expires_at
  into v_warns_at, v_warned_expires_at
  from private.rooms as k
  cross join private.settings as s
  where k.session_id = room.id;
  update private.rooms as k
  set
    warned_expires_at = case when v_warns_at <= v_at then v_expires_at else k.warned_expires_at end,
    check_at = case when v_warns_at <= v_at then v_expires_at else v_warns_at end
  where k.session_id = room.id;
  if v_warns_at <= v_at and v_expires_at is distinct from v_warned_expires_at then
    perform private.warn_room(room, v_expires_at, v_at);
  end if;
  return true;
end
$$;

comment on function private.check_room(public.reading_sessions) is
'Does what is due of a locked room: stores that it expired, or warns, once for each expiry, and '
'puts off the next look. Answers whether it could: not while somebody is seen this moment.';

create function private.expire_due_rooms(
  batch integer default 1000,
  are_live_left boolean default false,
  out done_count integer,
  out next_deadline_at timestamptz
)
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_room public.reading_sessions;
begin
  done_count := 0;
  for v_room in
    select r.*
    from public.reading_sessions as r
    inner join private.rooms as k on k.session_id = r.id
    where
      k.check_at <= clock_timestamp()
      and (not are_live_left or private.room_expires_at(k.session_id) <= clock_timestamp())
    order by k.check_at
    limit batch
    for no key update skip locked
  loop
    if private.check_room(v_room) then
      done_count := done_count + 1;
    end if;
  end loop;
  select min(k.check_at) into next_deadline_at
  from private.rooms as k
  where k.check_at is not null;
end
$$;

comment on function private.expire_due_rooms(integer, boolean) is
'Sweep: warns up to `batch` rooms that are about to expire, stores the expiry of those that did '
'and puts off its next look at the others, the most overdue first. With are_live_left it locks no '
'room that lives. Idempotent; skips what somebody else has locked. Answers how many it looked at '
'and when to look next: an instant in the past means that there is more to do.';

create function private.remove_dead_rooms(batch integer default 1000)
returns integer
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_settings private.settings;
  v_ids uuid[];
begin
  select * into v_settings from private.settings;
  v_ids := array(
    select k.session_id
    from public.reading_sessions as r
    inner join private.rooms as k on k.session_id = r.id
    where
      k.check_at is null
      and k.removed_at is null
      and k.last_activity_at <= private.later(v_now, -v_settings.session_timeout)
    order by k.last_activity_at
    limit batch
    for no key update skip locked
  );
  update private.room_members as m
  set was_in = p.is_active, last_seen_at = p.last_seen_at
  from public.session_participants as p
  where p.session_id = any(v_ids) and m.session_id = p.session_id and m.user_id = p.user_id;
  update private.rooms as k
  set removed_at = v_now, host_id = r.host_id
  from public.reading_sessions as r
  where r.id = any(v_ids) and k.session_id = r.id;
  delete from public.reading_sessions as r where r.id = any(v_ids);
  delete from private.rooms as k
  where k.session_id in (
    select old.session_id
    from private.rooms as old
    where
      old.check_at is null
      and old.removed_at is not null
      and coalesce(old.ended_at, old.expired_at)
      <= private.later(v_now, -v_settings.session_retention)
    limit batch
    for update skip locked
  );
  return cardinality(v_ids);
end
$$;

comment on function private.remove_dead_rooms(integer) is
'Sweep: removes up to `batch` rooms that are over and in which nobody was active for '
'session_timeout, and tombstones older than session_retention. What it leaves keeps each answer. '
'Idempotent; skips what somebody else has locked. Answers how many rooms it removed.';

create function private.apply_room_settings()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_until timestamptz := private.later(clock_timestamp(), -old.session_retention);
  v_session_id uuid;
  v_room public.reading_sessions;
  v_expired_at timestamptz;
  v_at timestamptz;
begin
  for v_session_id in
    select k.session_id
    from private.rooms as k
    where k.check_at <= clock_timestamp()
    order by k.session_id
  loop
    select * into v_room
    from public.reading_sessions as r
    where r.id = v_session_id and r.is_active
    for no key update;
    continue when not found
      or private.later(private.last_activity(v_session_id), old.session_timeout)
      > clock_timestamp();
    perform private.await_participants(v_session_id);
    v_expired_at := private.later(private.last_activity(v_session_id), old.session_timeout);
    v_at := private.next_instant(v_room.updated_at);
    if v_expired_at <= v_at then
      perform private.expire_room(v_session_id, v_at, v_expired_at);
    end if;
  end loop;
  update private.rooms as k set check_at = clock_timestamp() where k.check_at is not null;
  delete from public.reading_sessions as r
  using private.rooms as k
  where
    k.session_id = r.id
    and k.check_at is null
    and coalesce(k.ended_at, k.expired_at) <= v_until;
  delete from private.rooms as k
  where k.check_at is null and coalesce(k.ended_at, k.expired_at) <= v_until;
  return null;
end
$$;

comment on function private.apply_room_settings() is
'Trigger: what expired under the old timeout stays expired, and what was past the old retention is '
'gone, swept or not; every other room is looked at anew. Definer: whoever may change settings need '
'not be able to write rooms.';

create trigger settings_apply_to_rooms
after update of session_timeout, expiry_warning, session_retention on private.settings
for each row execute function private.apply_room_settings();
