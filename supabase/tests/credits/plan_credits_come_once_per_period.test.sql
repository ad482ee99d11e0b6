begin;
select plan(17);

insert into plans (id, name, period, credits_per_period) values ('pro', 'Pro', '30 days', 100);
select is((set_account('ada', 'pro')).version, 0::bigint, 'given somebody on a plan with credits');
select is_empty('select * from credit_grants', 'to whom nothing was granted');
select tests.sign_in_as('ada');
select results_eq(
  'select balance, available, expiring_next, version from get_credit_balance()',
  'values (100::numeric, 100::numeric, 100::numeric, 0::bigint)', 'a read counts it'
);
select is(b.expires_next_at, s.period_ends_at, 'as expiring with the period') from get_credit_balance() as b, get_usage_state() as s;

-- at the first touch
select tests.act_as('service_role');
select is((record_usage('ada', 30)).balance, 70::numeric, 'it is there to burn');
select is((record_usage('ada', 0)).balance, 70::numeric, 'once');
select results_eq(
  'select source, credits, remaining, priority from credit_grants',
  $$values ('plan', 100::numeric, 70::numeric, 50)$$, 'one lot'
);
-- in a later period, two on
select tests.sign_out();
select tests.age('ada', '70 days');
select tests.sign_in_as('ada');
select results_eq(
  'select balance, expiring_next, used_this_period, version from get_credit_balance()',
  'values (100::numeric, 100::numeric, 0::numeric, 2::bigint)', 'a read counts that period''s, and none of those before'
);
select tests.sign_out();
select is(done_count, 1, 'a sweep') from private.expire_due_credits();
select is(count(*), 1::bigint, 'grants nothing') from credit_grants;
select tests.sign_in_as('ada');
select results_eq(
  'select balance, used_this_period, version from get_credit_balance()',
  'values (100::numeric, 0::numeric, 2::bigint)', 'and changes no answer'
);
select tests.act_as('service_role');
select is((grant_credits('ada', 5)).remaining, 5::numeric, 'the first touch, whatever it is');
select is((record_usage('ada', 1)).balance, 104::numeric, 'grants it');
select is(count(*), 2::bigint, 'for one period') from credit_grants where source = 'plan';
select tests.sign_in_as('ada');
select is((get_credit_balance()).used_this_period, 1::numeric, 'use is counted per period');
-- an overdraft is paid by it too
select tests.act_as('service_role');
select is((record_usage('bob', 5, overdraft => true)).balance, -5::numeric, 'a plan without credits grants nothing');
select tests.sign_out();
select is_empty('select * from private.check_ledger()', 'and the ledger adds up');

select * from finish();
rollback;
