-- A month of an app's life, so that the console has something to show: people with a past, and two who can sign in,
-- ada@example.com and admin@example.com, both with the password `hourglass`. For a local stack, never for a project.
-- Runs once: a second time it changes nothing.

do $$
begin
  if exists (select from auth.users where email = 'admin@example.com') then
    raise exception 'The world is there already.' using errcode = 'duplicate_object';
  end if;
end
$$;

insert into auth.users (
  id, instance_id, aud, role, email, encrypted_password, email_confirmed_at, raw_app_meta_data,
  raw_user_meta_data, created_at, updated_at
)
select
  gen_random_uuid(), '00000000-0000-0000-0000-000000000000', 'authenticated', 'authenticated', p.email,
  extensions.crypt('hourglass', extensions.gen_salt('bf')), now(),
  jsonb_build_object('provider', 'email', 'providers', '["email"]'::jsonb) || p.claims,
  '{}', now(), now()
from (values ('ada@example.com', '{}'::jsonb), ('admin@example.com', '{"role": "admin"}'))
  as p (email, claims);

insert into auth.identities (
  provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at
)
select u.id::text, u.id, jsonb_build_object('sub', u.id, 'email', u.email), 'email', now(), now(), now()
from auth.users as u
where u.email in ('ada@example.com', 'admin@example.com');

insert into public.plans (id, name, period, limit_seconds, near_limit_seconds, credits_per_period)
values
('pro', 'Pro', '1 month', 360000, 3600, 1000),
('studio', 'Studio', '1 month', null, 0, 10000)
on conflict (id) do nothing;

create temporary table world_people as
select
  n, row_number() over () as rank, name, lower(split_part(name, ' ', 1)) || '@example.com' as email,
  'person-' || n as user_id,
  case when n % 5 = 0 then 'studio' else 'pro' end as plan_id,
  case when n % 9 = 0 then 'internal' else 'external' end as user_type
from unnest(
  '{Sophie Wilson,Katherine Johnson,Alan Turing,Edsger Dijkstra,Barbara Liskov,Donald Knuth,Frances Allen,
  John Backus,Radia Perlman,Niklaus Wirth,Margaret Hamilton,Tony Hoare,Karen Jones,Ken Thompson,Shafi Goldwasser,
  Dennis Ritchie,Adele Goldberg,Leslie Lamport,Hedy Lamarr,Claude Shannon,Mary Jackson,Ivan Sutherland,
  Dorothy Vaughan,Robin Milner,Annie Easley,Peter Naur,Jean Bartik,John McCarthy}'::text []
) with ordinality as p (name, n);

insert into world_people
select
  0, 0, case when email like 'ada@%' then 'Ada Byron' else 'Charles Babbage' end, email, id::text,
  'pro', case when email like 'ada@%' then 'external' else 'internal' end
from auth.users
where email in ('ada@example.com', 'admin@example.com');

select public.set_account(p.user_id, p.plan_id, p.email, p.name, p.user_type) from world_people as p;

alter table public.accounts disable trigger user;
update public.accounts as a
set
  period_anchor = now() - interval '17 days', created_at = now() - interval '40 days',
  changed_at = now() - interval '17 days'
from world_people as p
where a.user_id = p.user_id;
alter table public.accounts enable trigger user;

-- Weekdays are busier than weekends, the morning and the afternoon than the night, and it grows.
insert into public.usage_logs (
  id, user_id, thread_id, kind, model, prompt_tokens, completion_tokens, credits, metadata, created_at
)
select
  gen_random_uuid(), p.user_id, (array['draft', 'research', 'agent-run', 'support'])[1 + i % 4], 'completion',
  (array['large', 'small'])[1 + i % 2], 200 + (i * 7919) % 3800, 50 + (i * 104729) % 1500,
  round(0.05 + ((i * 31) % 90) / 50.0, 4), '{}', t.at
from generate_series(1, 5200) as i
cross join lateral (
  select now() - interval '40 days' * power(((i * 0.618033988749895) % 1)::numeric, 1.25) as at
) as t
inner join world_people as p
  on p.rank = 1 + floor(28 * power(((i * 0.754877666246693) % 1)::numeric, 2)) and p.n > 0
where
  t.at < now() - interval '20 seconds'
  -- Some have been away for a while, and some longer.
  and (p.n % 6 <> 4 or t.at < now() - interval '12 days')
  and (p.n % 13 <> 3 or t.at < now() - interval '33 days')
  and extract(hour from t.at at time zone 'UTC') + (i % 5) between 7 and 23
  and (extract(isodow from t.at at time zone 'UTC') < 6 or i % 3 = 0);

-- Ada's are charged, so that her credits are what is left of what she was given, and then made older.
select count(*)
from (
  select
    public.record_usage_batch(
      jsonb_agg(
        jsonb_build_object(
          'user_id', p.user_id, 'model', (array['large', 'small'])[1 + i % 2],
          'thread_id', case when i % 7 > 0 then (array['agent-run', 'draft', 'research'])[1 + i / 9 % 3] end,
          'prompt_tokens', 200 + (i * 7919) % 3800, 'completion_tokens', 50 + (i * 104729) % 1500,
          'credits', 2 * round(0.05 + ((i * 31) % 90) / 50.0, 4), 'metadata', jsonb_build_object('i', i)
        )
        order by i desc
      )
    )
  from generate_series(1, 64) as i
  inner join world_people as p on p.email = 'ada@example.com'
) as charged;

update public.usage_logs as l
set
  created_at = now() - interval '11 minutes' * (l.metadata ->> 'i')::integer * sqrt((l.metadata ->> 'i')::integer),
  metadata = '{}'
from world_people as p
where l.user_id = p.user_id and p.email = 'ada@example.com';

update private.thread_totals as t
set last_used_at = l.used_at
from (
  select l.user_id, l.thread_id, max(l.created_at) as used_at from public.usage_logs as l group by 1, 2
) as l
where l.user_id = t.user_id and l.thread_id = t.thread_id;

create temporary table world_sessions as
select
  gen_random_uuid() as id, p.user_id, s.started_at, s.started_at + s.length as ended_at, s.length,
  case when i % 11 = 0 then 'expired' else 'closed' end as status
from world_people as p
cross join generate_series(1, 34) as i
cross join lateral (
  select
    now() - interval '26 hours' * i - interval '17 minutes' * ((p.rank * 13 + i * 7) % 40) as started_at,
    interval '1 minute' * (9 + (p.rank * 29 + i * 41) % 170) as length
) as s
where (p.rank + i) % 3 > 0 or p.n = 0;

insert into public.usage_sessions (
  id, user_id, device_id, status, started_at, ended_at, active_time, end_token, metadata
)
select s.id, s.user_id, 'laptop', s.status, s.started_at, s.ended_at, s.length, null, '{}'
from world_sessions as s;

insert into public.usage_intervals (session_id, user_id, started_at, ended_at)
select s.id, s.user_id, s.started_at, s.ended_at from world_sessions as s;

delete from public.usage_totals as t using world_people as p where t.user_id = p.user_id;

insert into public.user_sessions (user_id, session_start, last_seen_at, app_section)
select
  p.user_id, now() - interval '4 minutes' * p.n, now() - interval '3 seconds' * p.n,
  (array['editor', 'library', 'settings', 'billing'])[1 + p.n % 4]
from world_people as p
where p.n between 1 and 7;

select public.record_purchase(
  p.user_id, 500, (array[19, 49, 99])[1 + p.n % 3], case when p.n % 4 = 0 then 'EUR' else 'USD' end, 'demo',
  'order-' || p.rank || p.email, 'completed'
)
from world_people as p
where p.n % 2 = 0;

alter table public.credit_purchases disable trigger user;
update public.credit_purchases as c
set created_at = t.at, completed_at = t.at
from world_people as p
cross join lateral (select now() - interval '25 hours' * ((p.n * 11) % 29) as at) as t
where c.user_id = p.user_id and c.provider = 'demo' and p.n > 0;
alter table public.credit_purchases enable trigger user;

select public.grant_credits(p.user_id, 120, 'adjustment', now() + interval '9 days')
from world_people as p
where p.n = 0;

update private.credit_balances as b
set
  used = (
    select coalesce(sum(l.credits), 0)
    from public.usage_logs as l
    where l.user_id = b.user_id and l.created_at >= b.period_started_at
  )
from world_people as p
where b.user_id = p.user_id;

-- Days that were counted before anybody was there are counted anew.
delete from private.activity_counted;
update private.activity_watermark set counted_until = '-infinity', over_until = '-infinity';

-- Rooms of the last weeks, most of them long over, and one that Ada can enter.
do $$
declare
  v_room public.reading_sessions;
  v_age interval;
  v_person record;
begin
  for i in 1..50 loop
    v_age := interval '1 day' * (i * 3 / 5) + interval '1 hour' * abs((i * 5) % 12 - 6);
    for v_person in
      select p.user_id, p.name, row_number() over (order by p.n) as place
      from world_people as p
      where (p.n > 0 and (p.n * 7 + i) % 11 < 3) or (p.email = 'ada@example.com' and i = 1)
      order by p.n
    loop
      perform set_config('request.jwt.claims', jsonb_build_object('sub', v_person.user_id)::text, true);
      if v_person.place = 1 then
        v_room := public.create_reading_session(
          (array['Reading circle', 'Design review', 'Evening cards'])[1 + i % 3], 12, v_person.name
        );
      else
        perform public.join_session(invite_code => v_room.invite_code, display_name => v_person.name);
      end if;
    end loop;
    continue when i = 1;
    update public.session_participants as p
    set
      joined_at = p.joined_at - v_age,
      last_seen_at = p.last_seen_at - v_age + interval '1 minute' * (15 + (i * 23) % 75)
    where p.session_id = v_room.id;
    update public.reading_sessions as r
    set created_at = r.created_at - v_age, updated_at = r.updated_at - v_age
    where r.id = v_room.id;
    update private.room_members as m
    set first_joined_at = m.first_joined_at - v_age,
      last_seen_at = m.last_seen_at - v_age + interval '1 minute' * (15 + (i * 23) % 75)
    where m.session_id = v_room.id;
    update private.rooms as k
    set
      created_at = k.created_at - v_age, check_at = k.check_at - v_age,
      last_activity_at = k.last_activity_at - v_age
    where k.session_id = v_room.id;
  end loop;
  perform set_config('request.jwt.claims', '', true);
end
$$;

drop table world_sessions;
drop table world_people;
