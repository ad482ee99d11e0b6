-- The timetable. Each line calls one function: what the worker does at the deadline, this does
-- within a minute. cron.schedule replaces a job of the same name.

select cron.schedule('hourglass-run-due', '* * * * *', 'select private.run_due(1000)');
select cron.schedule(
  'hourglass-roll-up-usage', '* * * * *', 'select private.roll_up_usage(10000)'
);
select cron.schedule(
  'hourglass-announce-overview', '* * * * *', 'select private.announce_overview()'
);
select cron.schedule(
  'hourglass-end-unseen-user-sessions', '* * * * *', 'select private.end_unseen_user_sessions(1000)'
);
select cron.schedule(
  'hourglass-roll-up-sessions', '* * * * *', 'select private.roll_up_sessions(10000)'
);
select cron.schedule(
  'hourglass-remove-old-user-sessions',
  '*/15 * * * *',
  'select private.remove_old_user_sessions(10000)'
);
select cron.schedule(
  'hourglass-make-event-partitions',
  '5 0 * * *',
  'select private.make_partitions(''session_events'', ''week'', 4)'
);
select cron.schedule(
  'hourglass-make-usage-log-partitions',
  '10 0 * * *',
  'select private.make_partitions(''usage_logs'', ''month'', 3)'
);
select cron.schedule('hourglass-drop-old-events', '15 0 * * *', 'select private.drop_old_events()');
select cron.schedule(
  'hourglass-forget-old-keys', '*/15 * * * *', 'select private.forget_old_keys(10000)'
);
select cron.schedule(
  'hourglass-drop-old-usage-logs', '20 0 * * *', 'select private.drop_old_usage_logs()'
);
select cron.schedule(
  'hourglass-forget-old-hours', '25 0 * * *', 'select private.forget_old_hours(1000000)'
);
select cron.schedule('hourglass-count-activity', '*/15 * * * *', 'select private.count_activity()');
select cron.schedule(
  'hourglass-forget-old-notifications',
  '*/15 * * * *',
  'select private.forget_old_notifications(10000)'
);
select cron.schedule('hourglass-trim-job-runs', '25 0 * * *', 'select private.trim_job_runs()');
