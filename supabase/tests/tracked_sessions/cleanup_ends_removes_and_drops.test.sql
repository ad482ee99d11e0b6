begin;
select plan(12);

select tests.sign_in_as('ada');
create temporary table old as select * from start_user_session(app_section => 'home');
select tests.sign_out();
select tests.age('ada', '100 days');
select tests.sign_in_as('ada');
create temporary table recent as select * from start_user_session();
select tests.sign_in_as('bob');
create temporary table silent as select * from start_user_session();
select tests.sign_out();
select tests.age('bob', '2 hours');
select tests.act_as('service_role');
select is(
  cleanup_old_sessions(), row(1, 1, 1)::cleanup_result,
  'the silent one ends, the old one goes with its start; its end was logged just now'
);
select is(cleanup_old_sessions(), row(0, 0, 0)::cleanup_result, 'once');
select throws_ok(format('select cleanup_old_sessions(%L)', keep), 'PT422', 'invalid_argument', keep)
from unnest(array['-1 second', '1 month -1 day']) as keep;
select tests.sign_out();
select is(session_end, last_seen_at, 'the silent one ended where it was seen')
from user_sessions where id = (select id from silent);
select is_empty('select 1 from private.session_sections', 'its sections as well');
select is(count(*), 1::bigint, 'the open one stays') from user_sessions where session_end is null;
select tests.sign_in_as('ada');
select throws_ok('select cleanup_old_sessions()', '42501', null, 'not for users');
select is((get_user_session_stats()).active_sessions, 1, 'who go on');
select tests.act_as('service_role');
select lives_ok(format('select cleanup_old_sessions(%L)', keep), keep)
from unnest(array['2147483647 days', '178000000 years', '0']) as keep;

select * from finish();
rollback;
