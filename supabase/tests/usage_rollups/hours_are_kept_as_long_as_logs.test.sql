begin;
select plan(6);

update private.rollup_watermark set counted_until = '3';
select isnt(tests.log_usage('ada', 1, age => '402 days', xact_id => '7'), null, 'given usage past usage_log_retention');
select isnt(tests.log_usage('ada', 1, age => '398 days', xact_id => '7'), null, 'and within it');
select is((private.roll_up_usage(10)).done_count, 2, 'counted');
select is(private.forget_old_hours(10), 1, 'its hour goes');
select is(private.forget_old_hours(10), 0, 'once');
select results_eq(
  $$select (select count(*) from usage_hourly), (select count(*) from usage_daily),
    (select requests from account_usage where user_id = 'ada')$$,
  'values (1::bigint, 2::bigint, 2::bigint)', 'and days and accounts keep it'
);

select * from finish();
rollback;
