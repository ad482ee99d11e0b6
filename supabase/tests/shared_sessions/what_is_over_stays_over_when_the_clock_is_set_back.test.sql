begin;
select plan(10);

select tests.sign_in_as('ada');
create temporary table expired as select * from create_reading_session();
create temporary table ended as select * from create_reading_session();
grant select on expired, ended to public;
select lives_ok('select end_reading_session(id) from ended', 'given a room that was ended');
select tests.sign_out();
select tests.age_room(id, '1 hour') from expired;
select is((private.expire_due_rooms()).done_count, 1, 'and one whose expiry is stored');
select tests.age_room(id, '-3 hours') from expired;
select tests.age_room(id, '-3 hours') from ended;
select tests.sign_in_as('ada');
select throws_ok(format('select touch_presence(%L)', id), 'PT409', 'session_closed', 'no sign of life')
from (select id from expired union all select id from ended) as over;
select throws_ok(format('select join_session(%L, access_method => ''direct'')', id), 'PT409', 'session_closed', 'no way back')
from (select id from expired union all select id from ended) as over;
select throws_ok('select join_session(invite_code => (select invite_code from expired))', 'PT410', 'invite_expired', 'no link');
select is_empty('select list_participants(id) from expired union all select list_participants(id) from ended', 'nobody is in');
select ok(bool_and(is_expired and minutes_until_expiry = 0), 'and the report says so')
from (select id from expired union all select id from ended) as over, check_session_expiry(over.id);
select lives_ok('select end_reading_session(id) from expired', 'nothing is left to end');

select * from finish();
rollback;
