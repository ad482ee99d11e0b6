begin;
select plan(13);

-- given a session whose client died 100 seconds ago
select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session();
select tests.sign_out();
select tests.age('ada', '100 seconds');

-- when anybody looks, then it has ended 90 seconds after its last sign of life
select tests.sign_in_as('ada');
select is((get_usage_state()).status, 'expired', 'read as expired');
select is((get_usage_state()).total_usage_seconds, 90, 'charged to its expiry');
select is((get_usage_state()).current_session_seconds, 90, 'so long was the session');
select is((get_usage_state()).version, 2::bigint, 'the version counts the transition that is due');
select is(ended_at, started_at + interval '90 seconds', 'the list says so as well') from list_usage_sessions();
select is(
  (heartbeat_usage_session(session_id)).status, 'expired', 'a heartbeat does not revive it'
) from began;

-- and the sweep changes none of this
select tests.sign_out();
select is((private.close_due_sessions(10)).done_count, 1, 'the sweep stores it');
select is((private.close_due_sessions(10)).done_count, 0, 'once');
select tests.sign_in_as('ada');
select is((get_usage_state()).status, 'expired', 'still expired');
select is((get_usage_state()).total_usage_seconds, 90, 'still 90 seconds');
select is((get_usage_state()).version, 2::bigint, 'still the same version');
select is(active_time, interval '90 seconds', 'to the microsecond') from usage_sessions;
select is(used, interval '90 seconds', 'in the total too') from usage_totals;

select * from finish();
rollback;
