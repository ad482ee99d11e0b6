begin;
select plan(9);

create function pg_temp.told() returns text language sql as $$
  select string_agg(coalesce(payload ->> 'percent', kind), ' ' order by created_at, (payload ->> 'percent')::int desc nulls last)
  from notifications where user_id = 'ada'
$$;
grant execute on function pg_temp.told() to service_role;
select tests.act_as('service_role');
select record_usage('ada', 1, overdraft => true);
select is(pg_temp.told(), null, 'who never had any has none to lose');
select grant_credits('ada', 102);
select record_usage('ada', 80);
select is(pg_temp.told(), null, 'above the first share');
select record_usage('ada', 0.8);
select is(pg_temp.told(), '20', 'not above it: 20 % of 102 is 20.4');
select record_usage('ada', 1);
select hold_credits('ada', 19);
select is(pg_temp.told(), '20', 'once; what is held is still there');
-- 28.2 of 111
select grant_credits('ada', 9);
select is(pg_temp.told(), '20', 'a grant that lifts it above');
select record_usage('ada', 27.8, overdraft => true);
select is(pg_temp.told(), '20 20 5', 'arms it, and several are told at once');
select record_usage('ada', 9, overdraft => true);
select is(pg_temp.told(), '20 20 5 credits_exhausted', 'then that nothing is left');
-- 8.6 overdrawn
select grant_credits('ada', 7.8);
select record_usage('ada', 1, overdraft => true);
select is(pg_temp.told(), '20 20 5 credits_exhausted', 'a grant that does not lift it arms nothing');
select grant_credits('ada', 3);
select record_usage_batch(
  '[{"user_id": "ada", "credits": 0.6, "overdraft": true}, {"user_id": "ada", "credits": 0.6, "overdraft": true}]'
);
select is(pg_temp.told(), '20 20 5 credits_exhausted 20 5 credits_exhausted', 'a batch tells as its charges would');

select * from finish();
rollback;
