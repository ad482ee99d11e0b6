begin;
select plan(7);

insert into plans (id, name, period, credits_per_period) values
('monthly', 'Monthly', '30 days', 1000), ('weekly', 'Weekly', '7 days', 500), ('large', 'Large', '30 days', 1200);
select is((set_account('ada', 'monthly')).plan_id, 'monthly', 'given');
select is((record_usage('ada', 0)).balance, 1000::numeric, 'a month of credits');
select tests.age('ada', '8 days');
select is((set_account('ada', 'weekly')).plan_id, 'weekly', 'given a plan of weeks in between');
select tests.age('ada', '7 days');
select is((record_usage('ada', 0)).balance, 1500::numeric, 'which grants a week');
select set_account('ada', 'monthly');
select is((private.credit_balance_at('ada', clock_timestamp())).balance, 1500::numeric, 'the month again is granted already');
select set_account('ada', 'large');
select is((record_usage('ada', 0)).balance, 1700::numeric, 'a larger plan gives what is beyond it');
select is_empty('select * from private.check_ledger()', 'the ledger adds up');

select * from finish();
rollback;
