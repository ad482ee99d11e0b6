-- The timetable. Each line calls one function: what the worker does at the deadline, this does
-- within a minute. cron.schedule replaces a job of the same name.

select cron.schedule('hourglass-run-due', '* * * * *', 'select private.run_due(1000)');
select cron.schedule(
  'hourglass-end-unseen-user-sessions', '* * * * *', 'select private.end_unseen_user_sessions(1000)'
);
select cron.schedule(
  'hourglass-remove-old-user-sessions',
  '*/15 * * * *',
  'select private.remove_old_user_sessions(10000)'
);
select cron.schedule(
  'hourglass-make-event-partitions', '5 0 * * *', 'select private.make_event_partitions(4)'
);
select cron.schedule('hourglass-drop-old-events', '15 0 * * *', 'select private.drop_old_events()');
