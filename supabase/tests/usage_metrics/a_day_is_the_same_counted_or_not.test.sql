begin;
select plan(9);

create function pg_temp.midnight(ago integer) returns timestamptz language sql as $$
  select date_trunc('day', now(), 'UTC') - make_interval(hours => 24 * ago);
$$;
create function pg_temp.seen(ago integer) returns text language sql as $$
  select concat_ws(' ', d ->> 'active_users', d ->> 'sessions', d ->> 'seconds', d ->> 'requests')
  from get_usage_metrics(ago), jsonb_array_elements(per_day) with ordinality as e (d, n) where n = 1;
$$;
create function pg_temp.be_active(person text, since timestamptz, until timestamptz) returns void language sql as $$
  insert into accounts (user_id, plan_id, created_at) values (person, 'free', since) on conflict do nothing;
  with s as (
    insert into usage_sessions (user_id, status, device_id, end_token, started_at, ended_at)
    values (person, 'closed', 'a', null, since, until) returning id
  )
  insert into usage_intervals (session_id, user_id, started_at, ended_at) select id, person, since, until from s;
$$;
update private.activity_watermark set counted_until = '-infinity', over_until = '-infinity', over_xact = '0';
select set_config('request.jwt.claims', '{"role": "service_role"}', true);
-- given a session over midnight, and somebody who was tracked and consumed something
select pg_temp.be_active('ada', pg_temp.midnight(3) - interval '90 seconds', pg_temp.midnight(3) + interval '60.5 seconds');
select pg_temp.be_active('ada', pg_temp.midnight(2) - interval '10 seconds', pg_temp.midnight(2));
select private.ensure_account('bob');
insert into user_sessions (user_id, session_start, last_seen_at, session_end, duration_seconds, end_token)
values ('bob', pg_temp.midnight(3) - interval '1 hour', pg_temp.midnight(3), pg_temp.midnight(3), 3600, null);
select tests.log_usage('bob', age => clock_timestamp() - pg_temp.midnight(3), xact_id => '3');
-- then
select is(pg_temp.seen(4), '2 1 90 0', 'the day that a session began in has its part');
select is(pg_temp.seen(3), '2 1 70 1', 'the next the rest, rounded down once for the day');
select is(pg_temp.seen(2), '0 0 0 0', 'a session that ends at midnight is not in the day after');
select is(private.count_activity(), 0, 'a run finds the days over');
select is(private.count_activity(), 0, 'and counts none while somebody may be at work in them');
update private.activity_watermark set over_xact = '3';
select is(private.count_activity(), 2, 'later it counts them');
delete from user_sessions;
select is(pg_temp.seen(4), '2 1 90 0', 'counted they say the same, whatever became of the rows');
select is((private.roll_up_usage(10)).done_count, 1, 'and once the logs are counted');
select is(pg_temp.seen(3), '2 1 70 1', 'so does the next day');

select * from finish();
rollback;
