begin;
select plan(4);

insert into plans (id, name, period, credits_per_period) values ('pro', 'Pro', '30 days', 100);
select is((set_account('ada', 'pro')).plan_id, 'pro', 'given a plan with credits');
select tests.act_as('service_role');
create temporary table charged as select * from record_usage('ada', 130, overdraft => true);
select tests.sign_out();
select tests.age('ada', '31 days');
select tests.sign_in_as('ada');
select results_eq(
  'select balance, expiring_next from get_credit_balance()',
  'values (70::numeric, 70::numeric)', 'the next period''s pay it first, before they are stored'
);
select tests.act_as('service_role');
select is((record_usage('ada', 0)).balance, 70::numeric, 'and as they are');
select tests.sign_out();
select is_empty('select * from private.check_ledger()', 'the ledger adds up');

select * from finish();
rollback;
