begin;
select plan(10);

create function pg_temp.wrong() returns text[] language sql as $$
  select coalesce(array_agg(c ->> 'name' order by c ->> 'name'), '{}')
  from health(), jsonb_array_elements(checks) as c
  where not (c ->> 'ok')::boolean and c ->> 'hint' <> '' and not ok;
$$;
update private.installation set installed_at = clock_timestamp();
delete from cron.job_run_details;
select set_config('request.jwt.claims', '{"role": "service_role"}', true);
select is(pg_temp.wrong(), '{}', 'nothing is');
update private.installation set installed_at = clock_timestamp() - interval '10 minutes';
select is(
  pg_temp.wrong(),
  '{job:hourglass-announce-overview,job:hourglass-end-unseen-user-sessions,job:hourglass-roll-up-sessions,'
  'job:hourglass-roll-up-usage,job:hourglass-run-due}',
  'jobs of each minute have not run for ten, those of a day need not have'
);
insert into cron.job_run_details (jobid, runid, status, start_time, end_time)
select jobid, -jobid, 'succeeded', clock_timestamp(), clock_timestamp() from cron.job;
select is(pg_temp.wrong(), '{}', 'they ran');
update cron.job_run_details set status = 'failed' where jobid = (
  select jobid from cron.job where jobname = 'hourglass-run-due'
);
select is(pg_temp.wrong(), '{job:hourglass-run-due}', 'a run that failed is none');
update cron.job_run_details set status = 'succeeded';
select grant_credits('ada', 10);
update private.credit_balances set balance = 11;
select is(pg_temp.wrong(), '{ledger}', 'a balance that its lots do not add up to');
update private.credit_balances set balance = 10, next_due_at = clock_timestamp() - interval '6 minutes';
select is(pg_temp.wrong(), '{due_credits}', 'what is due and not booked');
update private.credit_balances set next_due_at = 'infinity';
insert into usage_totals values ('ada', now(), now() + interval '1 day', '1 day', '1 second');
select is(pg_temp.wrong(), '{usage_totals}', 'a total that its stretches do not add up to');
delete from usage_totals;
update private.rollup_watermark set counted_until = '18446744073709551615';
select is(pg_temp.wrong(), '{transaction_ids}', 'a watermark of another cluster');
update private.rollup_watermark set counted_until = '0';
select tests.log_usage('ada', age => '11 minutes');
select is(pg_temp.wrong(), '{rollup}', 'a log that is not counted');
select is(
  (select array_agg(name order by name) from private.check_partitions(clock_timestamp() + interval '400 days') where not ok),
  '{partitions:session_events,partitions:usage_logs,realtime_partition}', 'partitions that nobody made'
);
select * from finish();
rollback;
