begin;
select plan(4);

select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session();
select tests.sign_out();
select tests.age('ada', '30 seconds');
update plans set limit_seconds = 600 where id = 'free';
select tests.sign_in_as('ada');
select is(session_cap_at, session_started_at + interval '10 minutes', 'the cap follows') from get_usage_state();
select tests.sign_out();
update plans set period = '20 seconds' where id = 'free';
select tests.sign_in_as('ada');
select ok((get_usage_state()).total_usage_seconds <= 20, 'the periods follow');
select is((get_usage_state()).status, 'active', 'still running');
select is((get_usage_state()).session_cap_at, null, 'a limit longer than the period is never reached');

select * from finish();
rollback;
