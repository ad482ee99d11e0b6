begin;
select plan(16);

-- given two people in the same place, of whom only one is swept
select tests.act_as('service_role');
create temporary table lots as
select p as person, (grant_credits(p, 10, 'gift', now() + interval '1 hour')).id, 'short' as name
from unnest(array['ada', 'bob']) as p
union all select p, (grant_credits(p, 5, 'gift', now() + interval '1 day')).id, 'long'
from unnest(array['ada', 'bob']) as p;
select is((record_usage(p, 4)).balance, 11::numeric, p || ' charged') from unnest(array['ada', 'bob']) as p;
select tests.sign_in_as('ada');
select results_eq(
  'select expiring_next, expires_next_at > now() + interval ''59 minutes'' from get_credit_balance()',
  'values (6::numeric, true)', 'what expires next'
);
select tests.sign_out();
select tests.age(p, '2 hours') from unnest(array['ada', 'bob']) as p;
update private.credit_balances set next_due_at = 'infinity' where user_id = 'bob';
delete from realtime.messages;
select is(done_count, 1, 'swept') from private.run_due();
update private.credit_balances as b set next_due_at = private.next_expiry_of('bob') where user_id = 'bob';

-- then both read the same
select tests.sign_in_as('ada');
select is(
  to_jsonb(get_credit_balance()) - 'expires_next_at',
  '{"balance": 5, "held": 0, "available": 5, "expiring_next": 5, "used_this_period": 4, "version": 3}', 'ada'
);
select tests.sign_in_as('bob');
select is(
  to_jsonb(get_credit_balance()) - 'expires_next_at',
  '{"balance": 5, "held": 0, "available": 5, "expiring_next": 5, "used_this_period": 4, "version": 3}', 'bob'
);
select tests.sign_out();
select results_eq(
  $$select user_id, kind, credits, created_at = (select expires_at from credit_grants as g where g.id = grant_id)
  from credit_usage where kind <> 'charge'$$,
  $$values ('ada', 'expiry', 6::numeric, true)$$, 'the sweep wrote the line of the ledger, at its instant'
);
select results_eq(
  $$select topic, event, payload -> 'version', payload #> '{balance,balance}' from realtime.messages
  where topic like 'user:%'$$,
  $$values ('user:ada', 'credits:changed', '3'::jsonb, '5'::jsonb)$$, 'and told, without a transition'
);
-- and are charged the same
select tests.act_as('service_role');
select throws_ok($$select record_usage('ada', 6)$$, 'PT402', 'insufficient_credits', 'ada has 5');
select throws_ok($$select record_usage('bob', 6)$$, 'PT402', 'insufficient_credits', 'bob has 5');
select is(
  (record_usage(p, 5)).lots,
  (select jsonb_build_array(jsonb_build_object('grant_id', id, 'credits', 5)) from lots where person = p and name = 'long'),
  p || ' burns what is left'
) from unnest(array['ada', 'bob']) as p;
select tests.sign_out();
select is(version, 4::bigint, user_id || ' has the same version') from accounts order by user_id;
select results_eq(
  $$select user_id, credits, created_at = (select expires_at from credit_grants as g where g.id = grant_id)
  from credit_usage where kind = 'expiry' order by 1$$,
  $$values ('ada', 6::numeric, true), ('bob', 6, true)$$, 'and the same ledger'
);
select is_empty('select * from private.check_ledger()', 'which adds up');

select * from finish();
rollback;
