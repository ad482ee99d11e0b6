begin;
select plan(17);

select tests.act_as('service_role');
create temporary table lot as select * from grant_credits('ada', 10);
create temporary table held as select * from hold_credits('ada', 1);
create temporary table charged as select * from record_usage('ada', 1);
create temporary table bought as select * from record_purchase('ada', 1, 1, 'EUR', 'p', 'r', 'completed');
select tests.sign_in_as('ada');
select results_eq(
  'select user_id from credit_grants union all select user_id from credit_usage union all select user_id from credit_holds
  union all select user_id from credit_purchases union all select user_id from usage_logs',
  array['ada', 'ada', 'ada', 'ada', 'ada', 'ada'], 'ada sees hers'
);
select is((get_credit_balance()).balance, 10::numeric, 'and her balance');
-- she cannot act on any account, not her own either
select throws_ok(call, '42501', null, call) from (values
  ($$select record_usage('ada', 0)$$),
  ($$select grant_credits('ada', 1000)$$),
  ($$select hold_credits('ada', 1)$$),
  ($$select release_hold(gen_random_uuid())$$),
  ($$select refund_usage(gen_random_uuid(), 'x')$$),
  ($$select record_purchase('ada', 1, 1, 'EUR', 'p', 'x', 'completed')$$),
  ($$update credit_grants set remaining = 1000$$),
  ($$select * from private.credit_balances$$)
) as v (call);
select tests.sign_in_as('bob');
select is_empty(
  'select user_id from credit_grants union all select user_id from credit_usage union all select user_id from credit_holds
  union all select user_id from credit_purchases union all select user_id from usage_logs', 'bob sees none of them'
);
select is((get_credit_balance()).balance, 0::numeric, 'and a balance of his own');
select tests.act_as('anon');
select throws_ok('select * from credit_grants', '42501', null, 'anon cannot even ask');
select throws_ok('select get_credit_balance()', '42501', null, 'nor call');
select tests.act_as('service_role');
select throws_ok('select get_credit_balance()', 'PT401', 'not_signed_in', 'a service key is nobody');
select is(count(*), 2::bigint, 'and reads all') from credit_grants;
select tests.sign_out();
select is(sum(remaining), 10::numeric, 'nothing has changed') from credit_grants;

select * from finish();
rollback;
