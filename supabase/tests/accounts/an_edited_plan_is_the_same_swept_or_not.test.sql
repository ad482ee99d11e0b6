begin;
select plan(5);

select tests.sign_in_as('ada');
select is((start_usage_session()).version, 1::bigint, 'given two users with a session');
select tests.sign_in_as('bob');
select is((start_usage_session()).version, 1::bigint, 'that are due');
select tests.sign_out();
select tests.age('ada', '100 seconds');
select is((private.close_due_sessions(1)).done_count, 1, 'and one of them swept');
select tests.age('bob', '100 seconds');
update plans set limit_seconds = 7200 where id = 'free';
select tests.sign_in_as('ada');
select is((get_usage_state()).version, 2::bigint, 'the version of one');
select tests.sign_in_as('bob');
select is((get_usage_state()).version, 2::bigint, 'is that of the other');

select * from finish();
rollback;
