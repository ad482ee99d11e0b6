begin;
select plan(7);

select tests.sign_in_as('ada');
create temporary table shared as select * from create_reading_session('shared');
create temporary table alone as select * from create_reading_session('alone');
create temporary table left_by_bob as select * from create_reading_session('left by bob');
select tests.sign_in_as('bob');
select join_session(invite_code => invite_code) from shared;
select join_session(invite_code => invite_code) from left_by_bob;
select leave_session(id) from left_by_bob;
select tests.sign_out();
select tests.age_room(id, '30 minutes') from shared;
update session_participants as p set last_seen_at = clock_timestamp() from shared as s
where p.session_id = s.id and p.user_id = 'ada';
create temporary table before as select private.room_expires_at(id) as at from shared;
delete from realtime.messages;
select tests.act_as('service_role');
select is(erase_user('ada') -> 'rooms', '3', 'a host is erased');
select tests.sign_out();
select results_eq(
  'select r.title, r.host_id, r.is_active from reading_sessions as r order by 1',
  $$values ('alone', '', false), ('left by bob', '', false), ('shared', 'bob', true)$$,
  'a room passes on to who is in, and ends where nobody is'
);
select results_eq(
  $$select m.event, m.payload ->> 'user_id', m.payload ->> 'reason', m.payload ->> 'host_id'
  from realtime.messages as m inner join shared as s on m.topic = s.topic$$,
  $$values ('participant:left', 'ada', 'left', 'bob')$$,
  'as when a host leaves'
);
select is(
  (select count(*) from realtime.messages where event = 'session:ended'), 2::bigint, 'and as when one ends the room'
);
select cmp_ok(private.room_expires_at(id), '>=', (select at from before), 'it lives as long as it would have') from shared;
select tests.sign_in_as('bob');
select is(
  (select array_agg(p.user_id) from list_participants((select id from shared)) as p), '{bob}', 'who is left is in'
);
select throws_ok(
  format('select join_session(invite_code => %L)', (select invite_code from left_by_bob)),
  'PT404', 'session_not_found', 'an ended room has ended for those who had left'
);

select * from finish();
rollback;
