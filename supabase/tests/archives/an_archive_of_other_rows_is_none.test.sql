begin;
select plan(9);

update private.settings set archive_before_drop = true;
update private.rollup_watermark set counted_until = '8';
select tests.log_usage('ada', 2.50, age => '500 days', xact_id => '7');
select tests.log_usage('ada', 3, age => '500 days', xact_id => '7');
select private.drop_old_usage_logs();
create temporary table a as select name, s.* from private.next_awaiting(''), private.sums_of_partition(name) as s;
create function pg_temp.try(rows bigint, sum text) returns text language sql as $$
  select private.finish_archive(name, rows, sum, 99, 'x.parquet') from a;
$$;

select is(pg_temp.try(row_count - 1, row_checksum), 'different', 'a row is missing') from a;
select is(pg_temp.try(row_count, '0-0'), 'different', 'the checksum is another') from a;
select is(pg_temp.try(null, null), 'different', 'there is none');
do $$ begin
  execute format('update private.%I set credits = 2.5 where credits = 2.50', (select name from a));
end $$;
select is((select change_count from private.archives), 1::bigint, 'a change is counted');
select is(pg_temp.try(row_count, row_checksum), 'different', 'even one of a zero at the end') from a;
do $$ begin
  execute format('update private.%I set credits = 2.50 where credits = 2.5', (select name from a));
end $$;
select isnt(to_regclass('private.' || name), null, 'it stays each time') from a;
select is((select count(*) from private.archives where archived_at is null), 1::bigint, 'and waits');
select is(pg_temp.try(row_count, row_checksum), 'archived', 'until they agree') from a;
select is(private.finish_archive('usage_logs', 0, '0-0', 0, 'x'), 'gone', 'what does not wait is never dropped');

select * from finish();
rollback;
