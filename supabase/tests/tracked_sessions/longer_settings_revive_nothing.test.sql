begin;
select plan(9);

select tests.sign_in_as('ada');
create temporary table silent as select * from start_user_session(app_section => 'home');
select tests.sign_in_as('bob');
create temporary table younger as select * from start_user_session();
select tests.sign_in_as('cleo');
create temporary table past as select * from start_user_session();
grant select on silent, younger, past to public;
select tests.sign_out();
select tests.age('ada', '61 minutes');
select tests.age('bob', '30 minutes');
select tests.age('cleo', '90 days');
update private.settings set session_timeout = '2 hours', session_retention = '1 year';
select tests.sign_in_as('ada');
select throws_ok('select heartbeat_user_session(id) from silent', 'PT409', 'session_closed', 'what had ended by silence stays so');
select is((get_user_session_stats()).active_sessions, 0, 'in statistics too');
select is((end_user_session(id)).session_end, (select last_seen_at from user_sessions), 'at its last sign of life') from silent;
select results_eq(
  $$select event_data ->> 'reason' from session_events where event_type = 'session_end'$$, array['timeout'], 'told once'
);
select tests.sign_in_as('bob');
select lives_ok('select heartbeat_user_session(id) from younger', 'what had not lives on');
select tests.sign_in_as('cleo');
select throws_ok('select end_user_session(id) from past', 'PT404', 'session_not_found', 'what was past its retention is gone');
select is((get_user_session_stats(365)).total_sessions, 0, 'for good');
select tests.sign_out();
select is(private.end_unseen_user_sessions(), 0, 'and nothing is left to the sweep');
update private.settings set session_timeout = '10 minutes';
select tests.age('bob', '10 minutes');
select is(private.end_unseen_user_sessions(), 1, 'a shorter timeout counts at once');

select * from finish();
rollback;
