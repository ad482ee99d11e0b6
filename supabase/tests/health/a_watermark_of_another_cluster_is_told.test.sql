begin;
select plan(3);

update private.activity_watermark set over_xact = '18446744073709551615';
select is(tests.what_is_wrong(), '{transaction_ids}', 'days that are over after a transaction still to come');
select tests.log_usage('ada');
select is(private.rebuild_usage_rollups(), 1::bigint, 'counted anew');
select is(tests.what_is_wrong(), '{}', 'all is well');

select * from finish();
rollback;
