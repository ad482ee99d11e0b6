begin;
select plan(5);

select tests.sign_in_as('ada');
create temporary table s as select * from start_user_session();
select tests.sign_out();
select tests.age('ada', '90.7 seconds');
select tests.sign_in_as('ada');
create temporary table e as select u.* from s cross join end_user_session(id) as u;
select is(duration_seconds, 90, 'whole seconds, rounded down') from e;
select ok(end_token is null, 'the token is spent') from e;
select results_eq('select u.* from s cross join end_user_session(id) as u', 'select * from e', 'again it answers the same');
select is(count(*), 1::bigint, 'and logs nothing more') from session_events where event_type = 'session_end';
select is(event_data, '{"reason": "ended", "duration_seconds": 90}', 'one event')
from session_events where event_type = 'session_end';

select * from finish();
rollback;
