begin;
select plan(7);

update public.plans set limit_seconds = null where is_default;
select tests.sign_in_as('ada');
select is((start_usage_session()).session_cap_at, null, 'no cap');
select is((get_usage_state()).time_remaining_seconds, null, 'no remainder in seconds');
select is((get_usage_state()).time_remaining_minutes, null, 'nor in minutes');
select is((get_usage_state()).limit_seconds, null, 'no limit');
select is((get_usage_state()).has_reached_limit, false, 'not reached');
select is((get_usage_state()).is_near_limit, false, 'not near');
select is((get_usage_state()).is_valid_for_recording, true, 'valid');

select * from finish();
rollback;
