begin;
select plan(10);

update private.rollup_watermark set counted_until = '3';
select is(count(*), 5::bigint, 'this month, three ahead and the default')
from pg_inherits where inhparent = 'usage_logs'::regclass;
select isnt_empty(
  format($$select from pg_class where oid = to_regclass('private.usage_logs_%s')$$,
    to_char(now() at time zone 'UTC', 'YYYYMM')),
  'called by its month'
);
select isnt(tests.log_usage('ada', age => '500 days', xact_id => '7'), null, 'given a log of a month long ago');
select isnt(tests.log_usage('ada', age => '300 days', xact_id => '7'), null, 'and one within usage_log_retention');
select is(count(*), 2::bigint, 'both wait in the default partition') from private.usage_logs_default;
select is(private.drop_old_usage_logs(), 0::bigint, 'what is not counted is not dropped');
select is_empty('select 1 from private.usage_logs_default', 'but has its month');
select is((private.roll_up_usage(10)).done_count, 2, 'counted');
select is(private.drop_old_usage_logs(), 1::bigint, 'the month past its retention goes');
select is(requests, 2::bigint, 'and what it added up to stays') from account_usage where user_id = 'ada';

select * from finish();
rollback;
