begin;
select plan(5);

select tests.sign_in_as('ada');
select is((start_user_session()).user_id, 'ada', 'given a session');
select tests.sign_out();
select throws_ok(
  $$insert into user_sessions (user_id, session_start, last_seen_at) values ('ada', now(), now())$$,
  '23505', null, 'two open ones'
);
select throws_ok('update user_sessions set last_seen_at = session_start - interval ''1 s''', '23514', null,
  'seen before it began');
select throws_ok('update user_sessions set session_end = last_seen_at', '23514', null, 'an end with a token');
select throws_ok('update user_sessions set metadata = ''[]''', '23514', null, 'metadata that are a list');

select * from finish();
rollback;
