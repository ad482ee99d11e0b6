begin;
select plan(7);

create function pg_temp.began(days_ago integer) returns void language sql as $$
  insert into user_sessions (user_id, session_start, last_seen_at, session_end, duration_seconds, end_token)
  select 'ada', at, at, at, 0, null from (select now() - make_interval(days => days_ago) as at) as t;
$$;
select private.ensure_account('ada');
select pg_temp.began(50);
select pg_temp.began(60);
select is(private.roll_up_sessions(10), 2, 'given two days, added up');
select set_config('request.jwt.claims', '{"role": "service_role"}', true);
select is((get_user_session_stats(365, 'ada')).total_sessions, 2, 'which both count');
select is((cleanup_old_sessions('55 days')).sessions_removed, 1, 'a cleanup beyond the retention takes one away');
select is((get_user_session_stats(365, 'ada')).total_sessions, 1, 'at once');
select is(private.roll_up_sessions(10), 1, 'its day is added up');
select is((select count(*) from session_daily), 1::bigint, 'to nothing');
update private.settings set session_retention = '40 days';
update private.settings set session_retention = '90 days';
select is((get_user_session_stats(365, 'ada')).total_sessions, 0, 'a retention that passed for a moment has passed');

select * from finish();
rollback;
