begin;
select plan(1);

select results_eq(
  'select jobname::text collate "default", schedule, command from cron.job order by 1',
  $$values
    ('hourglass-drop-old-events', '15 0 * * *', 'select private.drop_old_events()'),
    ('hourglass-end-unseen-user-sessions', '* * * * *', 'select private.end_unseen_user_sessions(1000)'),
    ('hourglass-make-event-partitions', '5 0 * * *', 'select private.make_event_partitions(4)'),
    ('hourglass-remove-old-user-sessions', '*/15 * * * *', 'select private.remove_old_user_sessions(10000)'),
    ('hourglass-run-due', '* * * * *', 'select private.run_due(1000)')$$,
  'each job calls one function'
);

select * from finish();
rollback;
