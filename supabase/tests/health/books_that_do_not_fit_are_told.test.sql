begin;
select plan(6);

select tests.act_as('service_role');
create temporary table held as
select (hold_credits('ada', 2)).id from grant_credits('ada', 10);
select is((hold_credits('ada', 3)).status, 'live', 'given two holds');
select is((release_hold(id)).status, 'released', 'one of them released') from held;
select is((record_usage('bob', 5, overdraft => true)).balance, -5::numeric, 'and an overdraft');
select tests.sign_out();
select is(tests.what_is_wrong(), '{}', 'all of which fits');
update private.credit_balances set held = 2 where user_id = 'ada';
select is(tests.what_is_wrong(), '{ledger}', 'more on hold than is held');
update private.credit_balances set held = 3 where user_id = 'ada';
update private.overdrafts set credits = 4;
select is(tests.what_is_wrong(), '{ledger}', 'a debt that is not what is overdrawn');

select * from finish();
rollback;
