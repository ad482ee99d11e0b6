begin;
select plan(10);

select tests.sign_in_as('ada');
create temporary table answer as select * from start_usage_session('phone', metadata => '{"room": "a"}');

select is(status, 'active', 'active') from answer;
select is(is_active and is_valid_for_recording, true, 'valid for recording') from answer;
select is(device_id, 'phone', 'held by the device') from answer;
select is(version, 1::bigint, 'the first transition') from answer;
select is(session_expires_at, server_time + interval '90 seconds', 'expires after session_ttl') from answer;
select is(session_cap_at, server_time + interval '10 hours', 'capped after the limit') from answer;
select isnt(end_token, null, 'has a token to end it') from answer;
select is(
  (start_usage_session('phone')).session_id, (select session_id from answer),
  'starting again on the device answers the live session'
);
select results_eq(
  'select id, status, device_id, metadata from usage_sessions',
  $$select session_id, 'active', 'phone', '{"room": "a"}'::jsonb from answer$$,
  'one row'
);
select is((get_usage_state()).version, 1::bigint, 'which was no transition');

select * from finish();
rollback;
