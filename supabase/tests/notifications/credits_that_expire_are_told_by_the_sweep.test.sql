begin;
select plan(5);

select tests.act_as('service_role');
select grant_credits('ada', 90, expires_at => clock_timestamp() + interval '1 hour');
select grant_credits('ada', 110);
select record_usage('ada', 90 + 85);
select is_empty('select * from notifications', 'lots that are used up count no more: 25 of 110');
select grant_credits('bob', 100, expires_at => clock_timestamp() + interval '1 hour');
select grant_credits('bob', 10, priority => 1);
select record_usage('bob', 9.5);
select tests.sign_out();
select tests.age('bob', '2 hours');
select is((private.run_due()).done_count, 1, 'a lot runs out');
select is((private.run_due()).done_count, 0, 'once');
select results_eq(
  $$select kind, payload -> 'percent', payload -> 'balance', payload -> 'granted' from notifications
    where user_id = 'bob' order by 2$$,
  $$values ('credits_low', '5'::jsonb, '0.5'::jsonb, '10'::jsonb), ('credits_low', '20', '0.5', '10')$$,
  'and what is left is told as low'
);
-- a plan that grants anew
update plans set credits_per_period = 10 where is_default;
select tests.act_as('service_role');
select record_usage('eve', 1);
select tests.sign_out();
select tests.age('eve', '1 month 1 day');
select private.run_due();
select is_empty(
  $$select from notifications where user_id = 'eve'$$, 'nothing is low where a plan has granted anew'
);

select * from finish();
rollback;
