begin;
select plan(4);

create function pg_temp.drop_next(table_name text, step text) returns void language plpgsql as $$
begin
  execute 'drop table private.' || private.partition_name(
    table_name, step, date_trunc(step, now() at time zone 'UTC') + ('1 ' || step)::interval
  );
end
$$;
select pg_temp.drop_next('usage_logs', 'month');
select is(tests.what_is_wrong(), '{partitions:usage_logs}', 'that of the next month');
select pg_temp.drop_next('session_events', 'week');
select is(tests.what_is_wrong(), '{partitions:session_events,partitions:usage_logs}', 'that of the next week');
select is(
  private.run_job('make-event-partitions') + private.run_job('make-usage-log-partitions'), 2::bigint,
  'the jobs make them'
);
select is(tests.what_is_wrong(), '{}', 'and all is well');

select * from finish();
rollback;
