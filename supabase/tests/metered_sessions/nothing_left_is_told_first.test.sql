begin;
select plan(3);

update plans set limit_seconds = 60 where is_default;
select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session('phone');
select tests.sign_out();
select tests.age('ada', '80 seconds');
select tests.sign_in_as('ada');
select throws_ok('select resume_usage_session(session_id) from began', 'PT402', 'usage_limit_reached', '402 before 409');
select throws_ok('select pause_usage_session(session_id) from began', 'PT409', 'session_closed', 'a pause needs nothing');
select throws_ok('select resume_usage_session(gen_random_uuid())', 'PT404', 'session_not_found', '404 before 402');

select * from finish();
rollback;
