begin;
select plan(9);

select tests.sign_in_as('ada');
select set_config('request.jwt.claims', '{"sub": "a\u0000b"}', true);
select throws_ok('select start_user_session()', 'PT401', 'not_signed_in', 'in its sub');
select throws_ok('select get_active_sessions()', 'PT401', 'not_signed_in', 'for administrators too');
select is_empty('select * from user_sessions', 'and reads nothing');
select throws_ok(
  $$select heartbeat_user_session(gen_random_uuid())$$, 'PT401', 'not_signed_in', 'gives no sign of life'
);
select throws_ok($$select touch_presence(gen_random_uuid())$$, 'PT401', 'not_signed_in', 'in no room either');
select set_config('realtime.topic', 'admin:usage', true);
select is_empty('select * from realtime.messages', 'and hears no administrators');
select set_config('request.jwt.claims', '{"sub": "ada", "name": "\u0000"}', true);
select throws_ok('select get_usage_state()', 'PT401', 'not_signed_in', 'or anywhere else');
select set_config('request.jwt.claims', '{"sub": "a\\u0000b"}', true);
select is((start_user_session()).user_id, 'a\u0000b', 'a backslash is a character like any other');
select is(count(*), 1::bigint, 'and reads their own') from user_sessions;

select * from finish();
rollback;
