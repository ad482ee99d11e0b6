begin;
select plan(6);

select tests.sign_in_as('ada');
select is((start_user_session()).user_id, 'ada', 'given a session');
select is((get_user_session_stats(30, 'ada')).total_sessions, 1, 'one''s own by name');
select tests.sign_in_as('bob');
select throws_ok($$select get_user_session_stats(-1, 'ada')$$, 'PT403', 'admin_only', 'not another''s');
select tests.sign_in_as_admin('grace');
select is((get_user_session_stats(30, 'ada')).total_sessions, 1, 'an admin may');
select tests.act_as('service_role');
select is((get_user_session_stats(30, 'ada')).total_sessions, 1, 'a back end may');
select throws_ok(
  $$select get_user_session_stats(30, repeat('x', 300))$$, 'PT422', 'invalid_argument', 'of what can be somebody'
);

select * from finish();
rollback;
