begin;
select plan(11);

select tests.sign_in_as('ada');
select is(
  get_user_session_stats(), row(0, 0, 0, '{}', '{}', null, 0)::session_stats, 'of nobody there is nothing'
);
create temporary table s as select * from start_user_session(app_section => 'home');
select tests.sign_out();
select tests.age('ada', '100 seconds');
select tests.sign_in_as('ada');
select is((end_user_session(id)).duration_seconds, 100, 'given a session of 100 seconds') from s;
select tests.sign_out();
select tests.age('ada', '2 days');
select tests.sign_in_as('ada');
create temporary table t as select * from start_user_session(app_section => 'home');
select tests.sign_out();
select tests.age('ada', '51 seconds');
select tests.sign_in_as('ada');
select ok(heartbeat_user_session(id) is not null, 'and one of 51 so far') from t;
create temporary table stats as select * from get_user_session_stats();
select is(total_sessions, 2, 'both count') from stats;
select is(total_seconds, 151::bigint, 'the open one as far as it was seen') from stats;
select is(average_seconds, 75, 'rounded down') from stats;
select is(section_seconds, '{"home": 151}', 'its section as well') from stats;
select is(last_session_start, (select session_start from user_sessions where session_end is null), 'the latest')
from stats;
select is((get_user_session_stats(1)).total_sessions, 1, 'a day back there is one');
select is((get_user_session_stats(0)).total_sessions, 0, 'and none that began now');
select is((get_user_session_stats(2147483647)).total_sessions, 2, 'for ever is no error');

select * from finish();
rollback;
