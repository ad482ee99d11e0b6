begin;
select plan(6);

create function pg_temp.now_is() returns text language sql security definer set search_path = public, pg_temp as $$
  select concat_ws(
    ' ', d ->> 'active_users', d ->> 'sessions', d ->> 'requests', d ->> 'tokens', d ->> 'credits', d ->> 'revenue'
  )
  from get_usage_metrics(1), jsonb_array_elements(per_hour) with ordinality as e (d, n) where n = 24;
$$;
grant execute on function pg_temp.now_is to authenticated, service_role;
select tests.act_as('service_role');
select is(pg_temp.now_is(), '0 0 0 0 0 {}', 'nothing happened');
select record_purchase('ada', 100, 10, 'EUR', 'stripe', 'a', 'completed');
select is(pg_temp.now_is(), '0 0 0 0 0 {"EUR": 10}', 'a purchase is revenue of its hour');
select record_purchase('ada', 100, 4, 'EUR', 'stripe', 'a', 'refunded');
select is(pg_temp.now_is(), '0 0 0 0 0 {"EUR": 6}', 'less what is refunded of it');
select record_usage('ada', 2.5, prompt_tokens => 3, completion_tokens => 4);
select is(pg_temp.now_is(), '1 0 1 7 2.5 {"EUR": 6}', 'a log counts at once');
select tests.sign_in_as('bob');
select start_usage_session();
select tests.act_as('service_role');
select is(pg_temp.now_is(), '2 1 1 7 2.5 {"EUR": 6}', 'and so does a session that has just begun');
select tests.sign_in_as('ada');
select start_user_session();
select tests.act_as('service_role');
select is(pg_temp.now_is(), '2 1 1 7 2.5 {"EUR": 6}', 'who does two things is one');

select * from finish();
rollback;
