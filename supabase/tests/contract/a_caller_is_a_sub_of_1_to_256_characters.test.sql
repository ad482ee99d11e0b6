begin;
select plan(13);

select tests.act_as('service_role');
select throws_ok(call, 'PT401', 'not_signed_in', call || ' by a service key') from unnest(array[
  'select get_usage_state()',
  'select start_usage_session()',
  'select heartbeat_usage_session(null)',
  'select pause_usage_session(null)',
  'select resume_usage_session(null)',
  'select stop_usage_session(null)',
  'select usage_ping(null)',
  'select list_usage_sessions(page_size => 0)'
]) as call;
select tests.sign_in_as('');
select throws_ok('select get_usage_state()', 'PT401', 'not_signed_in', 'an empty sub');
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
