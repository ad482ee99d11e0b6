begin;
select plan(30);

select tests.act_as('service_role');
select throws_ok(call, 'PT401', 'not_signed_in', call || ' by a service key') from unnest(array[
  'select get_usage_state()',
  'select start_usage_session()',
  'select heartbeat_usage_session(null)',
  'select pause_usage_session(null)',
  'select resume_usage_session(null)',
  'select stop_usage_session(null)',
  'select usage_ping(null)',
  'select list_usage_sessions(page_size => 0)',
  'select start_user_session(null)',
  'select heartbeat_user_session(null)',
  'select update_session_section(null, null)',
  'select log_session_event(null, null)',
  'select log_session_events(null, null)',
  'select end_user_session(null)',
  'select get_user_session_stats(null)',
  'select create_reading_session(max_participants => 0)',
  'select join_session()',
  'select touch_presence(null)',
  'select leave_session(null)',
  'select end_reading_session(null)',
  'select remove_participant(null, null)',
  'select list_participants(null)',
  'select check_session_expiry(null)'
]) as call;
select tests.sign_in_as('');
select throws_ok('select get_usage_state()', 'PT401', 'not_signed_in', 'an empty sub');
select throws_ok(
  $$select get_user_session_stats(30, 'ada')$$, 'PT401', 'not_signed_in', 'nor is an admin function for nobody'
);
select throws_ok('select get_active_sessions(page_size => 0)', 'PT401', 'not_signed_in', 'any of them');
select tests.sign_in_as(repeat('x', 257));
select throws_ok('select get_usage_state()', 'PT401', 'not_signed_in', 'a sub of 257 characters');
select tests.sign_in_as(repeat('x', 256));
select lives_ok('select start_usage_session()', 'a sub of 256 characters is somebody');
select set_config('request.jwt.claims', '{"sub": 7}', true);
select throws_ok('select get_usage_state()', 'PT401', 'not_signed_in', 'a sub that is a number');
select set_config('request.jwt.claims', '', true);
select throws_ok('select get_usage_state()', 'PT401', 'not_signed_in', 'no claims at all');

select * from finish();
rollback;
