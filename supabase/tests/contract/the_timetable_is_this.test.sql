begin;
select plan(1);

select results_eq(
  'select jobname::text collate "default", schedule, command from cron.job order by 1',
  $$values
    ('hourglass-announce-overview', '* * * * *', 'select private.announce_overview()'),
    ('hourglass-count-activity', '*/15 * * * *', 'select private.count_activity()'),
    ('hourglass-drop-old-events', '15 0 * * *', 'select private.drop_old_events()'),
    ('hourglass-drop-old-usage-logs', '20 0 * * *', 'select private.drop_old_usage_logs()'),
    ('hourglass-end-unseen-user-sessions', '* * * * *', 'select private.end_unseen_user_sessions(1000)'),
    ('hourglass-forget-old-hours', '25 0 * * *', 'select private.forget_old_hours(1000000)'),
    ('hourglass-forget-old-keys', '*/15 * * * *', 'select private.forget_old_keys(10000)'),
    ('hourglass-forget-old-notifications', '*/15 * * * *', 'select private.forget_old_notifications(10000)'),
    ('hourglass-make-event-partitions', '5 0 * * *',
      'select private.make_partitions(''session_events'', ''week'', 4)'),
    ('hourglass-make-usage-log-partitions', '10 0 * * *',
      'select private.make_partitions(''usage_logs'', ''month'', 3)'),
    ('hourglass-remove-old-user-sessions', '*/15 * * * *', 'select private.remove_old_user_sessions(10000)'),
    ('hourglass-roll-up-sessions', '* * * * *', 'select private.roll_up_sessions(10000)'),
    ('hourglass-roll-up-usage', '* * * * *', 'select private.roll_up_usage(10000)'),
    ('hourglass-run-due', '* * * * *', 'select private.run_due(1000)'),
    ('hourglass-trim-job-runs', '25 0 * * *', 'select private.trim_job_runs()')$$,
  'each job calls one function'
);

select * from finish();
rollback;
