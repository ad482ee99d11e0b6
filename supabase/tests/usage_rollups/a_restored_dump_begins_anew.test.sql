begin;
select plan(6);

update private.rollup_watermark set counted_until = '900000000000';
select is(
  count(tests.log_usage('ada', xact_id => x::xid8)), 3::bigint, 'given logs with the ids of another cluster'
) from unnest(array['5', '899999999999', '900000000000']) as x;
update private.activity_watermark set over_xact = '900000000000';
update account_usage set requests = 2, credits = 2;
select is(private.rebuild_usage_rollups(), 1::bigint, 'what was not counted there is');
select is(requests, 3::bigint, 'each log once') from account_usage;
select is(cardinality(private.usage_tail()), 0, 'none is left over');
select is_empty(
  'select 1 from usage_logs where xact_id >= pg_current_xact_id()', 'none comes from the future'
);

select ok(c.ok, 'and health() says so') from private.check_rollups(now()) as c where c.name = 'transaction_ids';

select * from finish();
rollback;
