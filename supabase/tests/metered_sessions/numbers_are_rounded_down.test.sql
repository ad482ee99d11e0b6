begin;
select plan(6);

update public.plans set limit_seconds = 3600 where is_default;
select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session();
select is((pause_usage_session(session_id)).status, 'paused', 'given a pause') from began;
select tests.sign_out();
update usage_totals set used = '119.999999 seconds';
update usage_sessions set active_time = '119.999999 seconds';
select tests.sign_in_as('ada');
select is((get_usage_state()).total_usage_seconds, 119, 'seconds');
select is((get_usage_state()).total_usage_minutes, 1, 'minutes');
select is((get_usage_state()).current_session_seconds, 119, 'of the session');
select is((get_usage_state()).time_remaining_seconds, 3481, 'remaining is limit less the rounded total');
select is((get_usage_state()).time_remaining_minutes, 58, 'in minutes');

select * from finish();
rollback;
