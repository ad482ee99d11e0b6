begin;
select plan(8);

select tests.sign_in_as('ada');
create temporary table made as select * from create_reading_session();
grant select on made to public;
create temporary table younger as select * from create_reading_session();
select tests.sign_out();
select tests.age_room(id, '61 minutes') from made;
select tests.age_room(id, '30 minutes') from younger;
update private.settings set session_timeout = '2 hours';
select tests.sign_in_as('ada');
select throws_ok('select touch_presence((select id from made))', 'PT409', 'session_closed', 'what had expired stays so');
select is(minutes_until_expiry, 89, 'what had not lives longer') from check_session_expiry((select id from younger));
select tests.sign_out();
select is(count(*), 1::bigint, 'told once') from realtime.messages where event = 'session:expired';
update private.settings set session_timeout = '10 minutes';
select is((private.expire_due_rooms()).done_count, 1, 'a shorter one counts at once');
select is((private.expire_due_rooms()).done_count, 0, 'once');
select is(count(*), 2::bigint, 'and is told') from realtime.messages where event = 'session:expired';
select tests.age_room(id, '90 days') from made;
update private.settings set session_retention = '1 year';
select tests.sign_in_as('ada');
select throws_ok('select touch_presence((select id from made))', 'PT404', 'session_not_found', 'nor does a longer retention');
select tests.sign_out();
select is(count(*), 1::bigint, 'the other is known') from private.rooms;

select * from finish();
rollback;
