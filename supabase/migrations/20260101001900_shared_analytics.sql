-- What administrators see of rooms: computed from rooms and their tombstones, so that it is the
-- same before and after a room is removed.

create type public.session_analytics as (
  average_session_seconds integer,
  peak_usage_hours jsonb,
  retention_rate numeric,
  per_day jsonb
);

comment on type public.session_analytics is
'How rooms were used in a window of days. Days and hours are those of UTC.';

create type private.room_stay as (
  session_id uuid,
  user_id text,
  since timestamptz,
  until timestamptz
);

comment on type private.room_stay is
'Somebody in a room: from when they first joined to when they were last seen.';

create function private.forgotten_rooms()
returns setof uuid
language sql
stable
security invoker
set search_path = ''
rows 10
as $$
  with kept as (
    select private.later(clock_timestamp(), -s.session_retention) as since
    from private.settings as s
  )

  select k.session_id
  from private.rooms as k
  where k.check_at is null and coalesce(k.ended_at, k.expired_at) <= (select kept.since from kept)
  union all
  select k.session_id
  from private.rooms as k
  where
    k.check_at <= (select kept.since from kept)
    and private.room_expires_at(k.session_id) <= (select kept.since from kept);
$$;

comment on function private.forgotten_rooms() is
'The rooms that are past their retention and were not removed yet: they count for nothing.';

create function private.room_stays(since timestamptz, until timestamptz)
returns setof private.room_stay
language sql
stable
security invoker
set search_path = ''
as $$
  select m.session_id, m.user_id, m.first_joined_at, coalesce(p.last_seen_at, m.last_seen_at)
  from private.room_members as m
  left join public.session_participants as p
    on p.session_id = m.session_id and p.user_id = m.user_id
  where
    m.first_joined_at < until
    and coalesce(p.last_seen_at, m.last_seen_at) >= since
    and m.session_id not in (select private.forgotten_rooms());
$$;

comment on function private.room_stays(timestamptz, timestamptz) is
'Everybody who was in a known room at some time of a window, a row per room.';

create function private.room_hours(since timestamptz, until timestamptz)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(
    jsonb_agg(
      jsonb_build_object('hour', busy.hour, 'sessions', busy.sessions)
      order by busy.sessions desc, busy.hour
    ),
    '[]'
  )
  from (
    select extract(hour from k.created_at at time zone 'UTC')::integer as hour, count(*) as sessions
    from private.rooms as k
    where
      k.created_at >= since
      and k.created_at < until
      and k.session_id not in (select private.forgotten_rooms())
    group by 1
  ) as busy;
$$;

comment on function private.room_hours(timestamptz, timestamptz) is
'How many rooms of a window were made in each hour of the day, busiest first.';

create function private.room_days(since timestamptz, until timestamptz)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  with days as (
    select d.day
    from generate_series(
      -- Before the first room there is nothing to list.
      date_trunc('day', greatest(since, least(until, (
        select min(k.created_at)
        from private.rooms as k
        where k.session_id not in (select private.forgotten_rooms())
      ))) at time zone 'UTC'),
      until at time zone 'UTC',
      interval '1 day'
    ) as d (day)
  ),
  made as (
    select date_trunc('day', k.created_at at time zone 'UTC') as day, count(*) as sessions
    from private.rooms as k
    where
      k.created_at >= since
      and k.created_at < until
      and k.session_id not in (select private.forgotten_rooms())
    group by 1
  ),
  present as (
    select here.day, count(*) as participants
    from (
      -- The days of each stay, rather than each stay compared with each day.
      select distinct d.day, s.user_id
      from private.room_stays(since, until) as s
      cross join lateral generate_series(
        date_trunc('day', greatest(s.since, room_days.since) at time zone 'UTC'),
        least(s.until, room_days.until) at time zone 'UTC',
        interval '1 day'
      ) as d (day)
    ) as here
    group by 1
  )
  select jsonb_agg(
    jsonb_build_object(
      'day', days.day::date,
      'sessions', coalesce(made.sessions, 0),
      'participants', coalesce(present.participants, 0)
    )
    order by days.day
  )
  from days
  left join made on made.day = days.day
  left join present on present.day = days.day;
$$;

comment on function private.room_days(timestamptz, timestamptz) is
'For each day of a window, oldest first, from the first room on: how many rooms were made and how '
'many people were in one.';

create function public.get_session_analytics(days_back integer default 30)
returns public.session_analytics
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_since timestamptz;
  v_analytics public.session_analytics;
begin
  perform private.require_admin();
  perform private.check_days_back(days_back);
  v_since := private.days_before(v_now, days_back);
  select
    floor(avg(extract(epoch from greatest(
      coalesce(k.ended_at, k.last_activity_at, private.last_activity(k.session_id)) - k.created_at,
      interval '0'
    ))))
  into v_analytics.average_session_seconds
  from private.rooms as k
  where
    k.created_at >= v_since
    and k.created_at <= v_now
    and k.session_id not in (select private.forgotten_rooms());
  v_analytics.peak_usage_hours := private.room_hours(v_since, v_now);
  v_analytics.per_day := private.room_days(v_since, v_now);
  select round(
    count(*) filter (where earlier.user_id in (
      select s.user_id from private.room_stays(v_since, v_now) as s
    ))::numeric / nullif(count(*), 0),
    4
  )
  into v_analytics.retention_rate
  from (
    select distinct s.user_id
    from private.room_stays(private.days_before(v_since, days_back), v_since) as s
  ) as earlier;
  return v_analytics;
end
$$;

comment on function public.get_session_analytics(integer) is
'[admin] How rooms were used in the last days_back days: average length, busiest hours, the share '
'of those of the window before who came again, and a series by day. Raises not_signed_in, '
'admin_only, invalid_argument. Definer: reads what nobody may.';

grant execute on function public.get_session_analytics(integer) to authenticated, service_role;
