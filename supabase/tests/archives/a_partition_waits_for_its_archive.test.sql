begin;
select plan(12);

update private.rollup_watermark set counted_until = '8';
select tests.log_usage('ada', age => '500 days', xact_id => '7');
select is(private.set_partitions_aside(), 0::bigint, 'given the switch is off, the worker sets nothing aside');
update private.settings set archive_before_drop = true;
select is(private.drop_old_usage_logs(), 1::bigint, 'with it on, the month past its retention goes');
select is_empty('select from usage_logs', 'out of its table');
create temporary table a as select * from private.next_awaiting('');
select is(
  (select (name, table_name, ends_at - starts_at >= interval '28 days') from a),
  (select row('usage_logs_' || to_char(now() at time zone 'UTC' - interval '500 days', 'YYYYMM'), 'usage_logs'::text, true)),
  'and waits'
);
select is(private.drop_old_usage_logs(), 0::bigint, 'nothing is left to go');
select is((select name from private.next_awaiting((select name from a))), null, 'it is the only one');
create temporary table s as select (private.sums_of_partition(name)).* from a;
select is((select row_count from s), 1::bigint, 'with its row');
select is(private.finish_archive(name, s.row_count, s.row_checksum, 99, 'x.parquet'), 'archived', 'archived')
from a, s;
select is(to_regclass('private.' || name), null, 'it is gone') from a;
select is(
  (select (name, row_count, byte_count, file_name, archived_at is not null) from private.archives),
  (select row(name, 1::bigint, 99::bigint, 'x.parquet'::text, true) from a),
  'and found again'
);
select is(private.finish_archive(name, s.row_count, s.row_checksum, 99, 'y.parquet'), 'gone', 'once') from a, s;
select is(jsonb_array_length(private.list_archives()), 1, 'listed');

select * from finish();
rollback;
