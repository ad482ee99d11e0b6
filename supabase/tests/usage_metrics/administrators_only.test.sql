begin;
select plan(8);

select tests.sign_in_as('ada');
select throws_ok('select get_usage_metrics()', 'PT403', 'admin_only', 'a user is refused');
select throws_ok('select get_usage_metrics(-1)', 'PT403', 'admin_only', 'before the argument is looked at');
select tests.act_as('anon');
select throws_ok('select get_usage_metrics()', '42501', null, 'anon may not even ask');
select tests.sign_in_as_admin('root');
select throws_ok('select get_usage_metrics(-1)', 'PT422', 'invalid_argument', 'a window is not negative');
select throws_ok('select get_usage_metrics(null)', 'PT422', 'invalid_argument', 'and is given');
select is(jsonb_array_length(per_day), 1, 'no day back is today') from get_usage_metrics(0);
select tests.act_as('service_role');
select is(jsonb_array_length(per_day), 31, 'today and 30 days before it') from get_usage_metrics();
select is(jsonb_array_length(per_day), 36501, 'a century at most') from get_usage_metrics(2147483647);

select * from finish();
rollback;
