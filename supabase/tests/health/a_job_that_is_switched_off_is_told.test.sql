begin;
select plan(2);

insert into cron.job_run_details (jobid, runid, status, end_time)
select jobid, -jobid, 'succeeded', clock_timestamp() from cron.job;
select is_empty('select * from private.check_jobs(clock_timestamp()) where not ok', 'all have run a moment ago');
update cron.job set active = false where jobname = 'hourglass-drop-old-events';
select results_eq(
  'select name, hint from private.check_jobs(clock_timestamp()) where not ok',
  $$select 'job:hourglass-drop-old-events', format('select cron.alter_job(%s, active => true)', jobid)
  from cron.job where jobname = 'hourglass-drop-old-events'$$,
  'one that will not run again'
);

select * from finish();
rollback;
