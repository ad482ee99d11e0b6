begin;
select plan(10);

select tests.sign_in_as('ada');
create temporary table made as select * from create_reading_session();
grant select on made to public;
select tests.sign_out();
select results_eq(
  'select topic, event from realtime.messages', $$values ('worker', 'deadline:changed')$$, 'a new room tells the worker'
);
delete from realtime.messages;
select tests.sign_in_as('bob');
create temporary table joined as select * from join_session(invite_code => (select invite_code from made), display_name => 'Bob');
select is((join_session(invite_code => invite_code)).user_id, 'bob', 'again, which is not told') from made;
select ok(touch_presence(id) is not null, 'nor is a touch') from made;
select tests.sign_out();
select results_eq(
  $$select topic, event, private, payload - 'id' from realtime.messages$$,
  $$select 'reading_session:' || j.session_id, 'participant:joined'::text, true, jsonb_build_object(
    'version', 2, 'at', j.joined_at, 'host_id', 'ada', 'participant', jsonb_build_object(
      'user_id', 'bob', 'display_name', 'Bob', 'role', 'participant', 'is_online', true,
      'joined_at', j.joined_at, 'last_seen_at', j.joined_at)) from joined as j$$,
  'the room hears who joined'
);
delete from realtime.messages;
select tests.sign_in_as('ada');
select lives_ok('select leave_session((select id from made))', 'the host leaves');
select lives_ok('select leave_session((select id from made))', 'again');
select tests.sign_in_as('bob');
select lives_ok('select end_reading_session((select id from made))', 'the next one ends it');
select lives_ok('select end_reading_session((select id from made))', 'again');
select tests.sign_out();
select results_eq(
  $$select event, payload -> 'version', payload ->> 'user_id', payload ->> 'reason', payload ->> 'host_id'
    from realtime.messages order by payload -> 'version'$$,
  $$values ('participant:left', '3'::jsonb, 'ada', 'left', 'bob'), ('session:ended', '4', null, null, null)$$,
  'told once each'
);
select is(count(*), 0::bigint, 'to the room only') from realtime.messages where topic <> (select topic from made);

select * from finish();
rollback;
