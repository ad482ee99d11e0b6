begin;
select plan(1);

select tests.sign_in_as('ada');
create temporary table s as select * from start_user_session();
select tests.sign_out();
select tests.age('ada', '2 hours');
select end_session_with_token(end_token) from s;
select is(session_end, session_start, 'not when the token came') from user_sessions;

select * from finish();
rollback;
