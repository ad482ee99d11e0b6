begin;
select plan(4);

update private.installation set installed_at = clock_timestamp();
delete from cron.job_run_details;
select tests.act_as('service_role');
select results_eq(
  $$select c ->> 'name' from health(), jsonb_array_elements(checks) as c
  where c ->> 'name' not like 'job:%' order by 1$$,
  array[
    'archive', 'due_credits', 'due_rooms', 'due_sessions', 'ledger', 'notifications',
    'partitions:session_events', 'partitions:usage_logs',
    'realtime_partition', 'rollup', 'transaction_ids', 'usage_totals'
  ],
  'these are looked at'
);
select is(
  (select count(*) from health(), jsonb_array_elements(checks) as c where c ->> 'name' like 'job:hourglass-%'),
  15::bigint, 'and each job'
);
select is_empty(
  $$select c from health(), jsonb_array_elements(checks) as c where not (c ->> 'ok')::boolean or c ->> 'hint' is not null$$,
  'a new installation has nothing to do'
);
select is(ok, true, 'which is ok as a whole') from health();

select * from finish();
rollback;
