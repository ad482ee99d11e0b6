begin;
select plan(3);

update public.plans set limit_seconds = 3600, near_limit_seconds = 1800 where is_default;
select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session();
select is((pause_usage_session(session_id)).is_near_limit, false, 'far from the limit') from began;
select tests.sign_out();
update usage_totals set used = '1800.9 seconds';
select tests.sign_in_as('ada');
select is((get_usage_state()).is_near_limit, false, '1800 seconds are shown: not near');
select tests.sign_out();
update usage_totals set used = '1801 seconds';
select tests.sign_in_as('ada');
select is((get_usage_state()).is_near_limit, true, '1799: near');

select * from finish();
rollback;
