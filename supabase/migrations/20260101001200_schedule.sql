-- The timetable. Each line calls one function: what the worker does at the deadline, this does
-- within a minute. cron.schedule replaces a job of the same name.

select cron.schedule(
  'hourglass-close-due-sessions', '* * * * *', 'select private.close_due_sessions(1000)'
);
