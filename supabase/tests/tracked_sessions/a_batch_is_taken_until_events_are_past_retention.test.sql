begin;
select plan(4);

select tests.sign_in_as('ada');
create temporary table s as select * from start_user_session();
select is((end_user_session(id)).duration_seconds, 0, 'given a session that has ended') from s;
select tests.sign_out();
select tests.age('ada', '29 days 23 hours');
select tests.sign_in_as('ada');
select is(log_session_events(id, '[{"event_type": "x"}]'), 1, 'within event_retention') from s;
select tests.sign_out();
select tests.age('ada', '1 hour');
select tests.sign_in_as('ada');
select throws_ok(
  format('select log_session_events(%L, %L)', id, '[{"event_type": "x"}]'), 'PT409', 'session_closed', 'not after it'
) from s;
select tests.sign_out();
select tests.age('ada', '60 days');
select tests.sign_in_as('ada');
select throws_ok(
  format('select log_session_events(%L, %L)', id, '[]'), 'PT404', 'session_not_found', 'then the session is gone'
) from s;

select * from finish();
rollback;
