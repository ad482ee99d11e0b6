begin;
select plan(7);

select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session();
grant select on began to anon;
select tests.sign_out();
select tests.age('ada', '10 seconds');

select tests.act_as('anon');
select lives_ok('select end_session_with_token(null)', 'a null token does nothing');
select lives_ok('select end_session_with_token(gen_random_uuid())', 'nor does an unknown one');
select lives_ok('select end_session_with_token(end_token) from began', 'its own ends the session');
select lives_ok('select end_session_with_token(end_token) from began', 'again: nothing');

select tests.sign_in_as('ada');
select is((get_usage_state()).status, 'closed', 'closed');
select is((get_usage_state()).current_session_seconds, 10, 'charged');
select is((get_usage_state()).version, 2::bigint, 'once');

select * from finish();
rollback;
