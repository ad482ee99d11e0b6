begin;
select plan(7);

select tests.sign_in_as('ada');
create temporary table s as select * from start_user_session(app_section => 'home');
create temporary table e as select log_session_event(id, 'x') as id from s;
select tests.sign_out();
select tests.age('ada', '-1 day');
select tests.sign_in_as('ada');
select is(heartbeat_user_session(s.id), u.last_seen_at, 'a heartbeat')
from s inner join user_sessions as u on u.id = s.id;
select is((update_session_section(id, 'map')).app_section, 'map', 'a section') from s;
select is(log_session_event(s.id, 'x', '{}', e.id), e.id, 'an event that is known') from s, e;
select is(log_session_events(s.id, jsonb_build_array(jsonb_build_object('event_type', 'b', 'event_id', e.id))), 0,
  'in a batch too') from s, e;
select is(log_session_events(id, '[{"event_type": "y"}]'), 1, 'one that is not') from s;
select is((start_user_session()).session_end, null, 'a start that ends it');
select is(count(*), 1::bigint, 'all at the instants that are stored')
from user_sessions where session_end = last_seen_at;

select * from finish();
rollback;
