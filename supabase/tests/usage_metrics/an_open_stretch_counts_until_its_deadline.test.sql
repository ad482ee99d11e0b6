begin;
select plan(3);

create function pg_temp.seconds() returns integer language sql security definer set search_path = public, pg_temp as $$
  select sum((d ->> 'seconds')::numeric)::integer from get_usage_metrics(1), jsonb_array_elements(per_day) as d;
$$;
select tests.sign_in_as('ada');
select start_usage_session();
select tests.sign_out();
select set_config('request.jwt.claims', '{"role": "service_role"}', true);
select tests.age('ada', '80 seconds');
select ok(pg_temp.seconds() between 79 and 89, 'a session that runs has been active until now');
select tests.age('ada', '10 minutes');
-- Over midnight each day rounds down its part.
select ok(pg_temp.seconds() between 89 and 90, 'and a silent one until it expired, stored or not');
select (private.run_due(10)).done_count;
select ok(pg_temp.seconds() between 89 and 90, 'which is the same once it is stored');

select * from finish();
rollback;
