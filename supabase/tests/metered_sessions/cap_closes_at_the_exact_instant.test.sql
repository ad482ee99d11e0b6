begin;
select plan(10);

-- given a limit that is reached within the TTL
update public.plans set limit_seconds = 60 where is_default;
select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session();
select is(session_cap_at, session_started_at + interval '60 seconds', 'the cap is known ahead') from began;
select tests.sign_out();
select tests.age('ada', '75 seconds');

-- then it is capped at that instant, seen or not
select tests.sign_in_as('ada');
select is((get_usage_state()).status, 'capped', 'read as capped');
select is((get_usage_state()).total_usage_seconds, 60, 'the limit and no more');
select is((get_usage_state()).has_reached_limit, true, 'the limit is reached');
select is((get_usage_state()).time_remaining_seconds, 0, 'nothing remains');
select is((get_usage_state()).is_valid_for_recording, false, 'not valid for recording');
select throws_ok('select start_usage_session()', 'PT402', 'usage_limit_reached', 'no new start');
select tests.sign_out();
select is((private.close_due_sessions(10)).done_count, 1, 'the sweep stores it');
select is(s.ended_at, s.started_at + interval '60 seconds', 'ended at the cap') from usage_sessions as s;
select is(used, interval '60 seconds', 'charged to the microsecond') from usage_totals;

select * from finish();
rollback;
