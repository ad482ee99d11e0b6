begin;
select plan(12);

select tests.sign_in_as('ada');
create temporary table made as select * from create_reading_session();
grant select on made to public;
select tests.sign_out();
delete from realtime.messages;
select tests.age_room(id, '55 minutes') from made;
select is((private.run_due()).done_count, 1, 'five minutes before');
select is((private.run_due()).done_count, 0, 'once');
select results_eq(
  $$select topic, event, payload ->> 'minutes_left', (payload ->> 'expires_at')::timestamptz, payload -> 'version' from realtime.messages where topic <> 'worker'$$,
  $$select topic, 'session:expiring'::text, '4', private.later(created_at, '5 minutes'), '1'::jsonb from made$$,
  'the room is warned'
);
delete from realtime.messages;
select tests.sign_in_as('ada');
select ok(touch_presence(id) is not null, 'somebody calls it off') from made;
select tests.sign_out();
select tests.age_room(id, '6 minutes') from made;
select is((private.run_due()).done_count, 1, 'a look at the instant that was warned of');
select is_empty('select * from realtime.messages', 'tells nobody');
select tests.age_room(id, '49 minutes') from made;
select is((private.run_due()).done_count, 1, 'a new expiry is warned of');
select tests.age_room(id, '5 minutes') from made;
select is((private.expire_due_rooms()).done_count, 1, 'then it expires');
select is((private.expire_due_rooms()).done_count, 0, 'once');
select results_eq(
  $$select event, payload -> 'version' from realtime.messages where topic <> 'worker' order by (payload ->> 'at')::timestamptz$$,
  $$values ('session:expiring', '1'::jsonb), ('session:expired', '2')$$, 'and is told'
);
select is(is_active, false, 'it is over') from reading_sessions;
select is(status, 'expired', 'for good') from private.room_status((select id from made), clock_timestamp()) as status;

select * from finish();
rollback;
