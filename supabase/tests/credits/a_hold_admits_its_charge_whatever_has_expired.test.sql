begin;
select plan(4);

select tests.act_as('service_role');
create temporary table lot as select * from grant_credits('ada', 10, expires_at => now() + interval '1 minute');
create temporary table held as select * from hold_credits('ada', 10, '1 hour');
select tests.sign_out();
select tests.age('ada', '2 minutes');
select tests.sign_in_as('ada');
select results_eq(
  'select balance, held, available from get_credit_balance()',
  'values (0::numeric, 10::numeric, -10::numeric)', 'available may be negative'
);
select tests.act_as('service_role');
select results_eq(
  'select u.balance, u.available, u.lots from held, record_usage(''ada'', 7, hold_id => held.id) as u',
  $$values (-7::numeric, -7::numeric, '[]'::jsonb)$$, 'the work was admitted, so it is recorded'
);
select tests.sign_out();
select is(sum(credits), 7::numeric, 'as an overdraft') from private.overdrafts;
select is_empty('select * from private.check_ledger()', 'and the ledger adds up');

select * from finish();
rollback;
