begin;
select plan(10);

select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session();
select is((pause_usage_session(session_id)).status, 'paused', 'given somebody with a session') from began;
select results_eq(
  'select user_id from accounts union all select user_id from usage_sessions
   union all select user_id from usage_intervals union all select user_id from usage_totals',
  array['ada', 'ada', 'ada', 'ada'], 'ada sees her rows'
);
select is((start_user_session()).user_id, 'ada', 'and a tracked one');
select results_eq(
  'select s.user_id, e.event_type from user_sessions as s inner join session_events as e on e.session_id = s.id',
  $$values ('ada', 'session_start')$$, 'with its event'
);
select throws_ok($$update usage_sessions set status = 'closed'$$, '42501', null, 'and changes none');
select tests.sign_in_as('bob');
select is_empty(
  'select user_id from accounts union all select user_id from usage_sessions
   union all select user_id from usage_intervals union all select user_id from usage_totals',
  'bob sees none of them'
);
select is_empty('select id from user_sessions union all select id from session_events', 'of either kind');
select tests.act_as('anon');
select throws_ok('select * from usage_sessions', '42501', null, 'anon cannot even ask');
select throws_ok('select get_usage_state()', '42501', null, 'nor call');
select tests.sign_out();
select is(status, 'paused', 'nothing has changed') from usage_sessions;

select * from finish();
rollback;
