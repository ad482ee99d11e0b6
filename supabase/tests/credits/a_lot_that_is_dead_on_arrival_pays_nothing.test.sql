begin;
select plan(6);

select tests.act_as('service_role');
create temporary table charged as select * from record_usage('ada', 5, overdraft => true);
select is(
  (record_purchase('ada', 50, 10, 'EUR', 'shop', 'ref', 'completed', '2000-01-01')).status, 'completed',
  'a late webhook with an old expiry is booked'
);
select results_eq('select credits, remaining from credit_grants', 'values (50::numeric, 0::numeric)', 'its lot is dead');
select results_eq('select kind, credits from credit_usage', $$values ('expiry', 50::numeric)$$, 'expired, all of it');
select tests.sign_in_as('ada');
select is((get_credit_balance()).balance, -5::numeric, 'what is overdrawn stays so');
select tests.act_as('service_role');
select throws_ok(
  $$select grant_credits('ada', 1, expires_at => '2000-01-01')$$, 'PT422', 'invalid_argument', 'a grant is refused'
);
select tests.sign_out();
select is_empty('select * from private.check_ledger()', 'the ledger adds up');

select * from finish();
rollback;
