begin;
select plan(6);

create function pg_temp.archive() returns record language sql as $$
  select (ok, hint is not null, detail like '%No space left%') from private.check_archives(clock_timestamp());
$$;
select is(pg_temp.archive(), row(true, false, false), 'given nothing waits');
select is((private.check_archives(now())).detail, 'Nothing waits to be archived.', 'which is all there is to say');
insert into private.archives (name, detached_at, table_name, starts_at, ends_at)
values ('usage_logs_202001', clock_timestamp(), 'usage_logs', '2020-01-01+00', '2020-02-01+00');
select is(pg_temp.archive(), row(true, false, false), 'what waits for a moment is fine');
select private.record_archive_fault('usage_logs_202001', 'No space left on device');
select is(pg_temp.archive(), row(false, true, true), 'a try that failed is not');
update private.archives set failed_at = null, fault = null, detached_at = clock_timestamp() - interval '25 hours';
select is(pg_temp.archive(), row(false, true, false), 'nor is waiting for over a day');
update private.archives
set row_count = 0, row_checksum = '0-0', byte_count = 0, file_name = 'x', archived_at = clock_timestamp();
select is(pg_temp.archive(), row(true, false, false), 'what is archived waits no more');

select * from finish();
rollback;
