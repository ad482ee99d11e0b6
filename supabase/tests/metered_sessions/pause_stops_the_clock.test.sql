begin;
select plan(12);

select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session();
select tests.sign_out();
select tests.age('ada', '30 seconds');
select tests.sign_in_as('ada');
create temporary table paused as select p.* from began as b, pause_usage_session(b.session_id) as p;
select is(status, 'paused', 'paused') from paused;
select is(is_active, false, 'not active') from paused;
select is(session_expires_at, null, 'no TTL while paused') from paused;
select is(session_cap_at, null, 'no cap while paused') from paused;
select is((pause_usage_session(session_id)).version, version, 'pausing again changes nothing') from paused;

-- when an hour passes in pause
select tests.sign_out();
select tests.age('ada', '1 hour');
select tests.sign_in_as('ada');
select is((get_usage_state()).total_usage_seconds, 30, 'none of it is used');
select is((get_usage_state()).status, 'paused', 'and it is still paused');
select is(
  (heartbeat_usage_session(session_id)).status, 'paused', 'a heartbeat does not resume it'
) from began;

-- then resuming goes on from there
select is((resume_usage_session(session_id)).status, 'active', 'active again') from began;
select is((resume_usage_session(session_id)).version, 3::bigint, 'once') from began;
select is((get_usage_state()).current_session_seconds, 30, 'from 30 seconds on');
select is(count(*), 2::bigint, 'two stretches') from usage_intervals;

select * from finish();
rollback;
