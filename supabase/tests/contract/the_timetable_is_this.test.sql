begin;
select plan(1);

select results_eq(
  'select jobname::text collate "default", schedule, command from cron.job order by 1',
  $$values ('hourglass-close-due-sessions', '* * * * *', 'select private.close_due_sessions(1000)')$$,
  'each job calls one function'
);

select * from finish();
rollback;
