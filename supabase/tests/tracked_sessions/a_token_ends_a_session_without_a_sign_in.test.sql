begin;
select plan(5);

select tests.sign_in_as('ada');
create temporary table s as select * from start_user_session();
grant select on s to anon;
select tests.sign_out();
select tests.age('ada', '90 seconds');
select tests.act_as('anon');
select lives_ok(format('select end_session_with_token(%L)', gen_random_uuid()), 'an unknown token does nothing');
select lives_ok(format('select end_session_with_token(%L)', end_token), 'its own ends it') from s;
select lives_ok(format('select end_session_with_token(%L)', end_token), 'once') from s;
select tests.sign_in_as('ada');
select is(duration_seconds, 90, 'now') from user_sessions;
select is(count(*), 1::bigint, 'with one event') from session_events where event_type = 'session_end';

select * from finish();
rollback;
