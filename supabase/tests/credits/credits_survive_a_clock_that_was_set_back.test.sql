begin;
select plan(4);

select tests.act_as('service_role');
create temporary table lot as select * from grant_credits('ada', 10);
select tests.sign_out();
-- as if an hour had been taken from the clock
select tests.age('ada', '-1 hour');
select tests.act_as('service_role');
select is((record_usage('ada', 4)).balance, 6::numeric, 'a charge');
select is(created_at > (select created_at from credit_grants), true, 'comes after what it burns') from usage_logs;
select tests.sign_in_as('ada');
select is((get_credit_balance()).balance, 6::numeric, 'a read');
select tests.sign_out();
select is_empty('select * from private.check_ledger()', 'and the ledger adds up');

select * from finish();
rollback;
