begin;
select plan(7);

update private.rollup_watermark set counted_until = '3';
select is(count(tests.log_usage('ada', xact_id => '7')), 3::bigint, 'given a transaction of three') from generate_series(1, 3);
select is(count(tests.log_usage('ada', xact_id => '8')), 2::bigint, 'and one of two') from generate_series(1, 2);
create temporary table first as select * from private.roll_up_usage(2);
select is(done_count, 3, 'a batch of two takes the first whole') from first;
select ok(next_deadline_at <= clock_timestamp(), 'and says that there is more') from first;
select is((private.roll_up_usage(2)).done_count, 2, 'then the second');
select results_eq(
  'select * from private.roll_up_usage(2)', 'values (0, null::timestamptz)', 'then there is nothing'
);
select is(requests, 5::bigint, 'and all is counted') from account_usage;

select * from finish();
rollback;
