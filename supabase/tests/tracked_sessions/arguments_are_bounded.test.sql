begin;
select plan(36);

select tests.sign_in_as('ada');
select ok(set_config('tests.session', (start_user_session()).id::text, true) is not null, 'given a session');
select throws_ok(
  replace(call, '$id', quote_literal(current_setting('tests.session')) || '::uuid'),
  'PT422', 'invalid_argument', left(call, 80)
) from unnest(array[
  'select start_user_session(null)',
  'select start_user_session(''[]'')',
  'select start_user_session(metadata => null)',
  'select heartbeat_user_session(null)',
  'select update_session_section(null, ''x'')',
  'select update_session_section($id, null)',
  'select update_session_section($id, ''x'', null)',
  'select log_session_event(null, ''x'')',
  'select log_session_event($id, null)',
  'select log_session_event($id, ''x'', null)',
  'select log_session_event($id, ''x'', ''7'')',
  'select log_session_events(null, ''[]'')',
  'select log_session_events($id, null)',
  'select log_session_events($id, ''null'')',
  'select log_session_events($id, ''{}'')',
  'select log_session_events($id, ''[null]'')',
  'select log_session_events($id, ''[{}]'')',
  'select log_session_events($id, ''[{"event_type": 7}]'')',
  'select log_session_events($id, ''[{"event_type": null}]'')',
  'select log_session_events($id, ''[{"event_type": "x", "event_data": null}]'')',
  'select log_session_events($id, ''[{"event_type": "x", "event_id": "zz"}]'')',
  'select log_session_events($id, ''[{"event_type": "x", "event_id": 7}]'')',
  'select log_session_events($id, ''[{"event_type": "x", "occurred_at": "soon"}]'')',
  'select log_session_events($id, ''[{"event_type": "x", "occurred_at": "2026-13-01"}]'')',
  'select log_session_events($id, ''[{"event_type": "x", "occurred_at": "2026-01-01 00:00 No/Where"}]'')',
  'select log_session_events(gen_random_uuid(), ''[{"event_type": "x", "event_id": "zz"}]'')',
  'select get_user_session_stats(null)',
  'select get_user_session_stats(-1)'
]) as call;
select throws_ok(
  replace(call, '$id', quote_literal(current_setting('tests.session')) || '::uuid'),
  'PT413', 'payload_too_large', left(call, 80)
) from unnest(array[
  'select start_user_session(jsonb_build_object(''a'', repeat(''x'', 1000000)))',
  'select start_user_session(app_section => repeat(''x'', 1000000))',
  'select update_session_section($id, repeat(''x'', 513))',
  'select log_session_event($id, repeat(''x'', 513))',
  'select log_session_events($id, (select jsonb_agg(''{"event_type": "x"}''::jsonb) from generate_series(1, 1001)))',
  'select log_session_events($id, jsonb_build_array(jsonb_build_object(''event_type'', repeat(''x'', 513))))',
  'select log_session_events($id, jsonb_build_array(jsonb_build_object(''event_type'', repeat(''x'', 17000))))'
]) as call;

select * from finish();
rollback;
