begin;
select plan(11);

-- given two charges beyond what there is
select tests.act_as('service_role');
create temporary table a as select * from record_usage('ada', 5, overdraft => true);
create temporary table b as select * from record_usage('ada', 7, overdraft => true);
select results_eq('select balance, available, lots from b', $$values (-12::numeric, -12::numeric, '[]'::jsonb)$$, 'visible');
select is((record_usage('ada', 0)).balance, -12::numeric, 'what costs nothing is fine');
select throws_ok($$select record_usage('ada', 1)$$, 'PT402', 'insufficient_credits', 'what costs something is not');

-- when something is granted
create temporary table lot as select * from grant_credits('ada', 6);
select is(remaining, 0::numeric, 'it pays at once') from lot;
select results_eq(
  $$select usage_log_id, grant_id, kind, credits from credit_usage order by id$$,
  $$select a.usage_log_id, lot.id, 'charge', 5::numeric from a, lot
  union all select b.usage_log_id, lot.id, 'charge', 1::numeric from b, lot$$,
  'the oldest charge first, as if it had burned the lot'
);
select is((grant_credits('ada', 10, expires_at => now() + interval '1 hour')).remaining, 4::numeric, 'then the rest');
select tests.sign_in_as('ada');
select results_eq(
  'select balance, available, expiring_next from get_credit_balance()',
  'values (4::numeric, 4::numeric, 4::numeric)', 'and is positive again'
);
select tests.sign_out();
select is_empty('select * from private.overdrafts', 'nothing is owed');
select is_empty('select * from private.check_ledger()', 'and the ledger adds up');

-- a refund of such a charge gives to the lot that paid it
select tests.act_as('service_role');
select is(
  (refund_usage(usage_log_id, 'mistake')).lots,
  (select jsonb_build_array(jsonb_build_object('grant_id', id, 'credits', 5)) from lot), 'to the lot that paid'
) from a;
select is(remaining, 5::numeric, 'which has it') from credit_grants where id = (select id from lot);

select * from finish();
rollback;
