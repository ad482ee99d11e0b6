begin;
select plan(7);

select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session('phone');
create temporary table stopped as select s.* from began as b, stop_usage_session(b.session_id) as s;
select is(status, 'closed', 'closed') from stopped;
select is(end_token, null, 'no token any more') from stopped;
select is(version, 2::bigint, 'one transition') from stopped;
select tests.sign_out();
select tests.age('ada', '1 hour');
select tests.sign_in_as('ada');
select is(
  (a.current_session_seconds, a.total_usage_seconds, a.version, a.status),
  (s.current_session_seconds, s.total_usage_seconds, s.version, s.status),
  'stopping again answers the same'
) from stopped as s, stop_usage_session(s.session_id) as a;
select is((heartbeat_usage_session(session_id, 'tablet')).status, 'closed', 'heartbeat: its final state') from began;
select throws_ok('select pause_usage_session(session_id) from began', 'PT409', 'session_closed', 'pause: closed');
select throws_ok('select resume_usage_session(session_id) from began', 'PT409', 'session_closed', 'resume: closed');

select * from finish();
rollback;
