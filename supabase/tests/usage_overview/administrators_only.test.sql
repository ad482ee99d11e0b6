begin;
select plan(5);

select tests.sign_in_as('ada');
select throws_ok('select get_usage_overview()', 'PT403', 'admin_only', 'a user is refused');
select throws_ok('select get_usage_overview(page => 0)', 'PT403', 'admin_only', 'before the arguments are looked at');
select tests.act_as('anon');
select throws_ok('select get_usage_overview()', '42501', null, 'anon may not even ask');
select tests.sign_in_as_admin('root');
select is(total_users, 0::bigint, 'an administrator is answered') from get_usage_overview();
select tests.act_as('service_role');
select is(rows, '[]', 'and so is a back end') from get_usage_overview();

select * from finish();
rollback;
