begin;
select plan(6);

update public.plans set period = '1 hour' where is_default;
select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session();
select is((stop_usage_session(session_id)).status, 'closed', 'given a stopped session') from began;
select tests.sign_out();
select tests.age('ada', '1 hour');
select tests.sign_in_as('ada');
select is((get_usage_state()).status, 'idle', 'idle in the next period');
select is((get_usage_state()).session_id, null, 'no session');
select is((get_usage_state()).total_usage_seconds, 0, 'nothing used');
select is((get_usage_state()).version, 2::bigint, 'the version stays');
select is((stop_usage_session(session_id)).status, 'closed', 'by its id it answers still') from began;

select * from finish();
rollback;
