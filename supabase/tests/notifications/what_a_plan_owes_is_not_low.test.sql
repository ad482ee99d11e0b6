begin;
select plan(4);

update plans set period = '1 day', credits_per_period = 40 where is_default;
select tests.act_as('service_role');
select grant_credits('ada', 100, expires_at => clock_timestamp() + interval '3 days');
select grant_credits('ada', 1000, priority => 200);
select record_usage_batch('[{"user_id": "ada", "credits": 40}, {"user_id": "ada", "credits": 0}]');
select grant_credits('bob', 1000, priority => 1);
select grant_credits('bob', 300, expires_at => clock_timestamp() + interval '3 days');
select record_usage('bob', 850);
select is_empty('select * from notifications', 'nothing is low');
select tests.sign_out();
-- the plan's lot of the first day expires, and the lot of three days
select tests.age(person, '3 days 1 hour') from unnest('{ada,bob}'::text[]) as person;
select private.run_due();
select is_empty($$select from notifications where user_id = 'ada'$$, 'nor with what the plan owes of the new period');
select results_eq(
  $$select payload -> 'percent', payload -> 'balance', payload -> 'granted' from notifications where user_id = 'bob'$$,
  $$values ('20'::jsonb, '190'::jsonb, '1040'::jsonb)$$,
  'but where the rest is low all the same, nobody has to call'
);
select tests.act_as('service_role');
select record_usage('bob', 1);
select is(count(*), 1::bigint, 'and the next call tells it no more') from notifications where user_id = 'bob';

select * from finish();
rollback;
