begin;
select plan(3);

delete from cron.job_run_details;
create temporary table run as
select jobid, n as runid, status, clock_timestamp() - ago as end_time
from cron.job, (
  values (1, 'succeeded', interval '9 days'), (2, 'succeeded', '8 days'), (3, 'failed', '8 days'), (4, 'failed', '1 day')
) as v (n, status, ago)
where jobname = 'hourglass-run-due';
insert into cron.job_run_details (jobid, runid, status, end_time) select jobid, runid - 100, status, end_time from run;
insert into cron.job_run_details (jobid, runid, status, end_time) values (-1, -1, 'succeeded', now() - interval '1 year');
select is(private.trim_job_runs(), 2::bigint, 'old runs go');
select results_eq(
  'select runid from cron.job_run_details order by 1', 'values (-98::bigint), (-96), (-1)',
  'new ones stay, the last success and what is of others'
);
select is(private.trim_job_runs(), 0::bigint, 'once');

select * from finish();
rollback;
