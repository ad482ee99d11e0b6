begin;
select plan(11);

select tests.sign_in_as('ada');
select ok(set_config('tests.session', (start_user_session()).id::text, true) is not null, 'given a session of ada');
select tests.sign_in_as('bob');
select throws_ok(
  replace(call, '$id', quote_literal(id) || '::uuid'), 'PT404', 'session_not_found', call
) from unnest(array[
  'select heartbeat_user_session($id)',
  'select update_session_section($id, ''x'')',
  'select log_session_event($id, ''x'')',
  'select log_session_events($id, ''[]'')',
  'select end_user_session($id)'
]) as call, unnest(array[current_setting('tests.session'), '00000000-0000-0000-0000-000000000000']) as id;

select * from finish();
rollback;
