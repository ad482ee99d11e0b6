begin;
select plan(6);

delete from cron.job_run_details;
insert into cron.job_run_details (jobid, runid, status, end_time)
values ((select jobid from cron.job where jobname = 'hourglass-run-due'), -1, 'failed', now() - interval '1 year');
select is(private.run_job('trim-job-runs'), 1::bigint, 'it says how much it did, whatever its function answers');
select is(private.run_job('trim-job-runs'), 0::bigint, 'and nothing when there was nothing');
select is(
  (select sum(private.run_job(substring(jobname from 'hourglass-(.*)'))) from cron.job), 0::numeric,
  'each job of the timetable'
);
update cron.job set active = false where jobname = 'hourglass-run-due';
select lives_ok($$select private.run_job('run-due')$$, 'one that is switched off too');
select throws_ok($$select private.run_job('stop-the-world')$$, 'PT404', 'job_not_found', 'no other');
update cron.job set username = 'authenticated' where jobname = 'hourglass-run-due';
select throws_ok($$select private.run_job('run-due')$$, 'PT404', 'job_not_found', 'nor what is not ours');

select * from finish();
rollback;
