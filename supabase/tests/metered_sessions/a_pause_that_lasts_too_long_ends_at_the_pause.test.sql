begin;
select plan(5);

select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session();
select tests.sign_out();
select tests.age('ada', '10 seconds');
select tests.sign_in_as('ada');
create temporary table paused as select p.* from began as b, pause_usage_session(b.session_id) as p;
select tests.sign_out();
select tests.age('ada', '24 hours');
select tests.sign_in_as('ada');

select is((get_usage_state()).status, 'expired', 'expired after paused_session_ttl');
select is(ended_at, started_at + active_time, 'at its pause') from (
  select l.ended_at, l.started_at, s.active_time
  from list_usage_sessions() as l inner join usage_sessions as s using (id)
) as l;
select is((get_usage_state()).total_usage_seconds, 10, 'the pause costs nothing');
select throws_ok(
  'select resume_usage_session(session_id) from began', 'PT409', 'session_closed', 'it cannot be resumed'
);
select is(
  (usage_ping(true, session_id)).status, 'expired', 'a ping answers its final state'
) from began;

select * from finish();
rollback;
