begin;
select plan(18);

create function pg_temp.past(person text, began timestamptz, lasted interval, section text) returns uuid
language sql as $$
  select private.ensure_account(person);
  with s as (
    insert into user_sessions (user_id, session_start, last_seen_at, session_end, duration_seconds, end_token)
    values (person, began, began + lasted, began + lasted, extract(epoch from lasted), null)
    returning *
  )
  insert into private.session_sections (session_id, section, visit_count, dwell)
  select s.id, section, 2, lasted from s
  returning session_id;
$$;
create function pg_temp.stats() returns text language sql as $$
  select string_agg(to_jsonb(get_user_session_stats(days, 'ada'))::text, e'\n' order by days)
  from unnest('{0,1,2,3,4,5,30,89,90,91,365,1000000000}'::int[]) as days;
$$;
-- given sessions of fractions of a second on either side of each edge: midnights, windows, the retention
select pg_temp.past('ada', edge + shift, '10 minutes 0.3 seconds', case when shift < '0' then 'before' else 'after' end)
from (
  select date_trunc('day', now(), 'UTC') - make_interval(days => n) from unnest('{0,1,2,3}'::int[]) as n
  union all
  select now() - make_interval(days => n) from unnest('{2,4,5,30,90}'::int[]) as n
) as e (edge),
  unnest('{-1 hour, -1 minute, 0, 1 microsecond, 10 minutes}'::interval[]) as shift
where edge + shift < now() - interval '10 minutes';
select pg_temp.past('bob', now() - interval '3 days', '1 hour', 'before');
select pg_temp.past('ada', now() - interval '100 days', '96 days 1 hour', 'long');
select set_config('request.jwt.claims', '{"role": "service_role"}', true);
create temporary table before as select pg_temp.stats() as stats;
select is((get_user_session_stats(1000, 'bob')).total_seconds, 3600::bigint, 'given two users');
-- when
select cmp_ok(private.roll_up_sessions(3), '<=', 3, 'some days are added up');
select is(pg_temp.stats(), stats, 'nothing else is answered') from before;
select cmp_ok(private.roll_up_sessions(1000), '>=', 6, 'all are');
select is(pg_temp.stats(), stats, 'the same') from before;
select is(private.roll_up_sessions(1000), 0, 'once');
select is_empty(
  'select from private.session_changes where day < (clock_timestamp() at time zone $$UTC$$)::date', 'nothing waits'
);
select cmp_ok((select count(*) from session_daily where user_id = 'ada'), '>=', 7::bigint, 'but of today');
select ok(
  not exists (select from session_daily where day >= (clock_timestamp() at time zone 'UTC')::date), 'which is not over'
);
-- a session that began on such a day and ends now
select pg_temp.past('ada', now() - interval '3 days', '10 minutes 0.4 seconds', 'late');
create temporary table later as select pg_temp.stats() as stats;
select is((get_user_session_stats(4, 'ada')).section_counts ->> 'late', '2', 'one that ends late counts at once');
select is(private.roll_up_sessions(1000), 1, 'its day is added up anew');
select is(pg_temp.stats(), stats, 'as it was told') from later;
-- the retention
select cmp_ok(private.remove_old_user_sessions(3, interval '90 days'), '>', 0, 'some are removed');
select is(pg_temp.stats(), stats, 'which had not counted for long') from later;
select cmp_ok(private.roll_up_sessions(1000), '>=', 1, 'their days are added up without them');
select is(pg_temp.stats(), stats, 'still the same') from later;
-- the table
select tests.sign_in_as('bob');
select results_eq('select distinct user_id from session_daily', array['bob'], 'everybody reads their own days');
select tests.sign_in_as('eve');
select is_empty('select from session_daily', 'and nobody else''s');

select * from finish();
rollback;
