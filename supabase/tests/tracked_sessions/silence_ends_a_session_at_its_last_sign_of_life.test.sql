begin;
select plan(10);

select tests.sign_in_as('ada');
create temporary table s as select * from start_user_session(app_section => 'home');
select tests.sign_out();
select tests.age('ada', '10 minutes');
select tests.sign_in_as('ada');
select ok(heartbeat_user_session(id) > now() - interval '1 minute', 'given a sign of life after ten minutes') from s;
select tests.sign_out();
select tests.age('ada', '59 minutes');
select tests.sign_in_as('ada');
select is((get_user_session_stats()).active_sessions, 1, 'after 59 minutes of silence it goes on');
select tests.sign_out();
select tests.age('ada', '1 minute');
select tests.sign_in_as('ada');
select is((get_user_session_stats()).active_sessions, 0, 'after 60 it has ended');
select throws_ok(format('select heartbeat_user_session(%L)', id), 'PT409', 'session_closed', 'no heartbeat') from s;
select throws_ok(format('select update_session_section(%L, %L)', id, 'x'), 'PT409', 'session_closed', 'no section')
from s;
select throws_ok(format('select log_session_event(%L, %L)', id, 'x'), 'PT409', 'session_closed', 'no event') from s;
select is((get_user_session_stats()).total_seconds, 600::bigint, 'ten minutes long');
select is((get_user_session_stats()).section_seconds, '{"home": 600}', 'all of them at home');
create temporary table e as select u.* from s cross join end_user_session(id) as u;
select ok(session_end = last_seen_at and duration_seconds = 600, 'it ends when it was last seen') from e;
select is(
  (select event_data ->> 'reason' from session_events where event_type = 'session_end'), 'timeout', 'by silence'
);

select * from finish();
rollback;
