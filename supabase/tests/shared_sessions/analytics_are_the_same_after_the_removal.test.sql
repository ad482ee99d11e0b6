begin;
select plan(14);

select tests.sign_in_as('ada');
select throws_ok('select get_session_analytics()', 'PT403', 'admin_only', 'not for users');
create temporary table made as select * from create_reading_session();
create temporary table later as select * from create_reading_session();
grant select on made, later to public;
select tests.sign_in_as('bob');
select is((join_session(invite_code => invite_code)).user_id, 'bob', 'given a room of two') from made;
select tests.sign_out();
select tests.age_room(id, '50 minutes') from made;
select tests.sign_in_as('ada');
select ok(touch_presence(id) is not null, 'used for 50 minutes') from made;
select tests.sign_out();
select tests.age_room(id, '10 days') from made;
select tests.age_room(id, '2 days') from later;

select tests.act_as('service_role');
create temporary table before as select * from get_session_analytics(7);
select is(retention_rate, 0.5, 'of two people one came again') from before;
select is(average_session_seconds, 0, 'to a room of no length') from before;
select is(jsonb_array_length(per_day), 8, 'a week has eight days') from before;
select is((get_session_analytics(20)).average_session_seconds / 60, 25, 'on average 25 minutes');
select is((get_session_analytics(20)).retention_rate, null, 'nobody was in the window before');
select is(cleanup_inactive_sessions(), 2, 'both are removed');
select is(after.*::text, before.*::text, 'which changes nothing') from before, get_session_analytics(7) as after;
select lives_ok('select get_session_analytics(2147483647)', 'as far back as you like');
select lives_ok('select get_session_analytics(0)', 'or not at all');
select throws_ok(format('select get_session_analytics(%s)', days), 'PT422', 'invalid_argument', days)
from unnest(array['null', '-1']) as days;

select * from finish();
rollback;
