begin;
select plan(3);

select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session();
grant select on began to anon;
select tests.sign_out();
select tests.age('ada', '10 minutes');
select tests.act_as('anon');
select lives_ok('select end_session_with_token(end_token) from began', 'it is accepted');
select tests.sign_in_as('ada');
select is((get_usage_state()).status, 'expired', 'the session had expired');
select is((get_usage_state()).current_session_seconds, 90, 'at its expiry');

select * from finish();
rollback;
