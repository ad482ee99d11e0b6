begin;
select plan(4);

select tests.sign_in_as('123');
select is((start_usage_session()).status, 'active', 'given a user 123');
select is(count(*), 1::bigint, 'who reads their row') from usage_sessions;
select set_config('request.jwt.claims', '{"sub": 123, "role": "authenticated"}', true);
select is_empty('select * from usage_sessions', 'the number 123 is nobody');
select set_config('realtime.topic', 'user:123', true);
select is_empty('select * from realtime.messages', 'and hears nothing');

select * from finish();
rollback;
