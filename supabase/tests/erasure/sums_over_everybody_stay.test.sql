begin;
select plan(6);

create function pg_temp.series() returns jsonb language sql as $$
  select jsonb_agg(d - 'seconds' - 'revenue') from get_usage_metrics(3), jsonb_array_elements(per_day || per_hour) as d;
$$;
select set_config('request.jwt.claims', '{"role": "service_role"}', true);
select tests.log_usage('ada', 2, age => '1 day', xact_id => '3');
select tests.log_usage('bob', 3, xact_id => '3');
select (private.roll_up_usage(100)).done_count;
select tests.log_usage('ada', 4);
select private.start_session('ada', 'default', false, '{}');
update usage_sessions set started_at = started_at - interval '1 second', active_since = active_since - interval '1 second';
update usage_intervals set started_at = started_at - interval '1 second';
create temporary table before as select pg_temp.series() as series;
select is(total_credits, 9::numeric, 'given what two consumed, counted and not') from get_usage_overview();
select erase_user('ada');
select is(pg_temp.series(), series, 'the series keep what the erased did') from before;
select is(total_credits, 3::numeric, 'the page is about accounts that are there') from get_usage_overview();
select is(total_users, 1::bigint, 'of which there is one') from get_usage_overview();
select is((private.roll_up_usage(100)).done_count, 0, 'nothing is counted twice');
select is(pg_temp.series(), series, 'whatever a sweep does') from before;

select * from finish();
rollback;
