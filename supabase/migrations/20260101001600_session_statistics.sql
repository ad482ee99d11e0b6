-- Statistics of tracked sessions, and what they add up to by day, so that statistics need not read
-- every session of their window.
--
-- A session that ends, and one that is removed, leaves a change of the day that it began on, in the
-- same transaction. A day that is over and changed is added up anew from its rows, and its changes
-- go, in one transaction. So a day without a change is what its rows add up to, whoever commits
-- late, and a read takes from the rows the days that have one.

create table public.session_daily (
  user_id text not null,
  day date not null,
  session_count bigint not null,
  total_time interval not null,
  first_started_at timestamptz not null,
  last_started_at timestamptz not null,
  first_ended_at timestamptz not null,
  primary key (user_id, day)
);

comment on table public.session_daily is
'What the tracked sessions of a user add up to that began on a day (UTC) and have ended, up to the '
'last run of the rollup. A day goes when its last session does.';
comment on column public.session_daily.first_ended_at is
'The earliest end: once that is past its retention, the day is no longer what it adds up to.';

alter table public.session_daily enable row level security;
revoke all on table public.session_daily from anon, authenticated, service_role;
grant select on table public.session_daily to authenticated, service_role;

create policy session_daily_select_own on public.session_daily for select to authenticated
using (user_id = (select private.caller()));

create table private.session_section_daily (
  user_id text not null,
  day date not null,
  section text not null,
  section_digest bytea not null generated always as (private.digest(section)) stored,
  visit_count bigint not null,
  dwell interval not null,
  primary key (user_id, day, section_digest),
  foreign key (user_id, day) references public.session_daily (user_id, day) on delete cascade
);

comment on table private.session_section_daily is
'session_daily by section: session_sections of the same sessions, added up. Of the section a '
'digest is in the key, as an index entry has room for no two texts of any length.';

alter table private.session_section_daily enable row level security;

create table private.session_changes (
  id bigint generated always as identity,
  user_id text not null,
  day date not null,
  primary key (user_id, day, id)
);

comment on table private.session_changes is
'Days of users whose sessions that have ended are others than session_daily says, a row for each '
'change, so that nobody waits for a row. The next run after the end of the day takes them away.';

create index session_changes_by_day on private.session_changes (day, user_id);

alter table private.session_changes enable row level security;

create table private.session_rollup_turn (
  is_the_only_row boolean primary key default true,
  constraint there_is_one_row check (is_the_only_row)
);

comment on table private.session_rollup_turn is 'Whoever adds up days or erases holds the row.';

alter table private.session_rollup_turn enable row level security;

insert into private.session_rollup_turn default values;

create type private.user_day as (
  user_id text,
  day date
);

comment on type private.user_day is 'A day (UTC) of a user.';

create type public.session_stats as (
  total_sessions integer,
  total_seconds bigint,
  average_seconds integer,
  section_counts jsonb,
  section_seconds jsonb,
  last_session_start timestamptz,
  active_sessions integer
);

comment on type public.session_stats is
'What a user''s tracked sessions add up to. Durations are whole seconds, rounded down.';

-- Changes.

create function private.change_session_day()
returns trigger
language plpgsql
security invoker
set search_path = ''
as $$
begin
  insert into private.session_changes (user_id, day)
  values (new.user_id, (new.session_start at time zone 'UTC')::date);
  return null;
end
$$;

comment on function private.change_session_day() is
'Trigger: the day that a session began on has another one that has ended.';

create trigger user_sessions_change_their_day
after insert or update of session_end on public.user_sessions
for each row when (new.session_end is not null)
execute function private.change_session_day();

create function private.change_session_days()
returns trigger
language plpgsql
security invoker
set search_path = ''
as $$
begin
  insert into private.session_changes (user_id, day)
  select distinct s.user_id, (s.session_start at time zone 'UTC')::date
  from gone as s
  where s.session_end is not null;
  return null;
end
$$;

comment on function private.change_session_days() is
'Trigger: the days that sessions began on which are removed have less.';

create trigger user_sessions_change_the_days_that_they_leave
after delete on public.user_sessions
referencing old table as gone
for each statement execute function private.change_session_days();

-- Adding up.

create function private.add_up_session_days(days private.user_day[])
returns void
language sql
security invoker
set search_path = ''
-- Few days of all that there are, found by their keys.
set enable_seqscan = off
as $$
  delete from public.session_daily as a
  using unnest(days) as d
  where a.user_id = d.user_id and a.day = d.day;

  insert into public.session_daily (
    user_id, day, session_count, total_time, first_started_at, last_started_at, first_ended_at
  )
  select
    d.user_id, d.day, count(*), sum(s.session_end - s.session_start), min(s.session_start),
    max(s.session_start), min(s.session_end)
  from unnest(days) as d
  inner join public.user_sessions as s
    on
      s.user_id = d.user_id
      and s.session_start >= d.day::timestamp at time zone 'UTC'
      and s.session_start < (d.day + 1)::timestamp at time zone 'UTC'
  where s.session_end is not null
  group by d.user_id, d.day
  order by d.user_id, d.day;

  insert into private.session_section_daily (user_id, day, section, visit_count, dwell)
  select d.user_id, d.day, v.section, sum(v.visit_count)::bigint, sum(v.dwell)
  from unnest(days) as d
  inner join public.user_sessions as s
    on
      s.user_id = d.user_id
      and s.session_start >= d.day::timestamp at time zone 'UTC'
      and s.session_start < (d.day + 1)::timestamp at time zone 'UTC'
  inner join private.session_sections as v on v.session_id = s.id
  -- What ended since the statement before has changed its day again.
  inner join public.session_daily as a on a.user_id = d.user_id and a.day = d.day
  where s.session_end is not null
  group by d.user_id, d.day, v.section
  order by d.user_id, d.day;
$$;

comment on function private.add_up_session_days(private.user_day[]) is
'Adds up these days anew from the sessions that have ended. A day without any has no row.';

create function private.roll_up_sessions(batch integer)
returns integer
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_days private.user_day[];
begin
  perform from private.session_rollup_turn for update skip locked;
  if not found then
    return 0;
  end if;
  v_days := array(
    select distinct row(c.user_id, c.day)::private.user_day
    from (
      select o.user_id, o.day
      from private.session_changes as o
      -- Of the day of now more sessions are to come.
      where o.day < (clock_timestamp() at time zone 'UTC')::date
      order by o.day, o.user_id
      limit batch
    ) as c
  );
  -- What is seen here, the statements that follow see too.
  delete from private.session_changes as c
  using unnest(v_days) as d
  where c.user_id = d.user_id and c.day = d.day;
  perform private.add_up_session_days(v_days);
  return cardinality(v_days);
end
$$;

comment on function private.roll_up_sessions(integer) is
'Sweep: adds up the days before today that have changed, those of up to `batch` changes, the '
'oldest first. Answers how many days. Nothing is done where somebody else adds up; idempotent.';

-- Reading.

create function private.days_of_rows(user_id text, since timestamptz, ended_after timestamptz)
returns date[]
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_first_day date := (since at time zone 'UTC')::date;
begin
  return array(
    select c.day
    from private.session_changes as c
    where c.user_id = days_of_rows.user_id and c.day >= v_first_day
    union
    select d.day
    from public.session_daily as d
    where
      d.user_id = days_of_rows.user_id
      and d.day >= v_first_day
      and (d.first_started_at < since or d.first_ended_at <= ended_after)
  );
end
$$;

comment on function private.days_of_rows(text, timestamptz, timestamptz) is
'Which days since an instant have to be taken from the rows: those that changed, and those of '
'which some sessions began before it or ended up to the other instant, which do not count.';

create function private.session_sums(
  user_id text, since timestamptz, ended_after timestamptz, days date[],
  out session_count bigint, out total_time interval, out last_started_at timestamptz
)
language plpgsql
stable
security invoker
set search_path = ''
-- What suits somebody with ten sessions does not suit somebody with ten thousand.
set plan_cache_mode = 'force_custom_plan'
as $$
begin
  select coalesce(sum(a.session_count), 0), sum(a.total_time), max(a.last_started_at)
  into session_count, total_time, last_started_at
  from (
    select d.session_count, d.total_time, d.last_started_at
    from public.session_daily as d
    where
      d.user_id = session_sums.user_id
      and d.day >= (since at time zone 'UTC')::date
      and d.day <> all(days)
    union all
    select 1, s.session_end - s.session_start, s.session_start
    from unnest(days) as r (day)
    inner join public.user_sessions as s
      on
        s.user_id = session_sums.user_id
        and s.session_start >= greatest(r.day::timestamp at time zone 'UTC', since)
        and s.session_start < (r.day + 1)::timestamp at time zone 'UTC'
    where s.session_end > ended_after
  ) as a;
end
$$;

comment on function private.session_sums(text, timestamptz, timestamptz, date[]) is
'How many sessions a user began since an instant that ended after another, how long they were and '
'when the last began. These days are taken from the rows, the others from session_daily.';

create function private.section_sums(
  open_session public.user_sessions, user_id text, since timestamptz, ended_after timestamptz,
  days date[], out section_counts jsonb, out section_seconds jsonb
)
language plpgsql
stable
security invoker
set search_path = ''
-- As above. And sections look independent of sessions to the planner: it would sort what it takes
-- for few.
set plan_cache_mode = 'force_custom_plan'
set enable_sort = off
as $$
begin
  select
    coalesce(jsonb_object_agg(total.section, total.visits), '{}'),
    coalesce(
      jsonb_object_agg(total.section, floor(extract(epoch from total.dwell))::bigint), '{}'
    )
  into section_counts, section_seconds
  from (
    select a.section, sum(a.visit_count)::bigint as visits, sum(a.dwell) as dwell
    from (
      select d.section, d.visit_count, d.dwell
      from private.session_section_daily as d
      where
        d.user_id = section_sums.user_id
        and d.day >= (since at time zone 'UTC')::date
        and d.day <> all(days)
      union all
      select v.section, v.visit_count, v.dwell
      from unnest(days) as r (day)
      inner join public.user_sessions as s
        on
          s.user_id = section_sums.user_id
          and s.session_start >= greatest(r.day::timestamp at time zone 'UTC', since)
          and s.session_start < (r.day + 1)::timestamp at time zone 'UTC'
      -- Looked up one by one: few days are taken from the rows.
      cross join lateral (
        select o.section, o.visit_count, o.dwell
        from private.session_sections as o
        where o.session_id = s.id
        offset 0
      ) as v
      where s.session_end > ended_after
      union all
      select
        v.section, v.visit_count,
        v.dwell + coalesce(open_session.last_seen_at - v.entered_at, interval '0')
      from private.session_sections as v
      where v.session_id = open_session.id
    ) as a
    group by a.section
  ) as total;
end
$$;

comment on function private.section_sums(
  public.user_sessions, text, timestamptz, timestamptz, date[]
) is
'As private.session_sums, visits and dwell time by section; of the open session too, unless null, '
'whose visit that goes on counts up to when it was last seen.';

create function public.get_user_session_stats(
  days_back integer default 30, user_id text default null
)
returns public.session_stats
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_user_id text := coalesce(user_id, private.caller_id());
  v_now timestamptz := clock_timestamp();
  v_settings private.settings;
  v_since timestamptz;
  v_kept_since timestamptz;
  v_days date[];
  v_open public.user_sessions;
  v_counted public.user_sessions;
  v_sums record;
  v_stats public.session_stats;
begin
  if v_user_id is distinct from private.caller() then
    perform private.require_admin();
    perform private.check_user_id('user_id', v_user_id);
  end if;
  perform private.check_days_back(days_back);
  select * into v_settings from private.settings;
  v_since := private.days_before(v_now, days_back);
  v_kept_since := private.later(v_now, -v_settings.session_retention);
  v_days := private.days_of_rows(v_user_id, v_since, v_kept_since);
  v_sums := private.session_sums(v_user_id, v_since, v_kept_since, v_days);
  select * into v_open
  from public.user_sessions as s
  where s.user_id = v_user_id and s.session_end is null;
  if v_open.session_start >= v_since and v_open.last_seen_at > v_kept_since then
    v_counted := v_open;
    v_sums.session_count := v_sums.session_count + 1;
    v_sums.total_time :=
      coalesce(v_sums.total_time, '0') + (v_open.last_seen_at - v_open.session_start);
    v_sums.last_started_at := greatest(v_sums.last_started_at, v_open.session_start);
  end if;
  v_stats.total_sessions := v_sums.session_count;
  v_stats.total_seconds := coalesce(floor(extract(epoch from v_sums.total_time)), 0);
  v_stats.average_seconds :=
    coalesce(floor(extract(epoch from v_sums.total_time) / nullif(v_sums.session_count, 0)), 0);
  v_stats.last_session_start := v_sums.last_started_at;
  v_sums := private.section_sums(v_counted, v_user_id, v_since, v_kept_since, v_days);
  v_stats.section_counts := v_sums.section_counts;
  v_stats.section_seconds := v_sums.section_seconds;
  v_open := private.user_session_at(v_open, v_settings.session_timeout, v_now);
  v_stats.active_sessions := (v_open.id is not null and v_open.session_end is null)::integer;
  return v_stats;
end
$$;

comment on function public.get_user_session_stats(integer, text) is
'[user; admin for others] What the sessions that began in the last days_back days add up to; an '
'open session and its section count up to when it was last seen. active_sessions is of now. Raises '
'not_signed_in, admin_only, invalid_argument, payload_too_large. Definer: reads as the machinery '
'does.';

grant execute on function public.get_user_session_stats(integer, text)
to authenticated, service_role;
