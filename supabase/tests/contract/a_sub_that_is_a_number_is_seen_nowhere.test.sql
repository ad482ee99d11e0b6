begin;
select plan(5);

select tests.sign_in_as('123');
select ok(set_config('tests.session', (start_user_session()).id::text, true) is not null, 'given a user 123');
select ok(set_config('tests.room', (create_reading_session()).id::text, true) is not null, 'in a room too');
select set_config('request.jwt.claims', '{"sub": 123, "role": "authenticated"}', true);
select throws_ok(
  $$select heartbeat_user_session(current_setting('tests.session')::uuid)$$,
  'PT401', 'not_signed_in', 'the number 123 is nobody in the app'
);
select throws_ok(
  $$select touch_presence(current_setting('tests.room')::uuid)$$,
  'PT401', 'not_signed_in', 'nor in the room'
);
select tests.sign_in_as('123');
select ok(touch_presence(current_setting('tests.room')::uuid) is not null, 'the text is somebody');

select * from finish();
rollback;
