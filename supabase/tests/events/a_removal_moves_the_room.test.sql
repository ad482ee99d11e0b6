begin;
select plan(7);

select tests.sign_in_as('ada');
create temporary table made as select * from create_reading_session();
grant select on made to public;
select tests.sign_in_as('bob');
select is((join_session(invite_code => invite_code)).user_id, 'bob', 'given bob') from made;
select tests.sign_in_as('cleo');
select is((join_session(invite_code => invite_code)).user_id, 'cleo', 'and cleo') from made;
select tests.sign_out();
delete from realtime.messages;
select tests.sign_in_as('ada');
select lives_ok($$select remove_participant((select id from made), 'cleo')$$, 'cleo is removed');
select tests.sign_out();
select results_eq(
  $$select topic, event, payload ->> 'topic', payload ->> 'user_id', payload ->> 'reason' from realtime.messages order by topic$$,
  $$select told.* from made, lateral (values
    ('reading_session:' || id || ':1', 'participant:left', null, 'cleo', 'removed'),
    ('user:ada', 'room:moved', 'reading_session:' || id || ':1', null, null),
    ('user:bob', 'room:moved', 'reading_session:' || id || ':1', null, null),
    ('user:cleo', 'room:removed', null, null, null)) as told (topic, event, moved_to, user_id, reason)$$,
  'the new topic is told to those who are in, the removed one only that'
);
select results_eq(
  $$select payload ->> 'session_id', payload -> 'version' from realtime.messages where topic = 'user:cleo'$$,
  $$select id::text, '0'::jsonb from made$$, 'of which room, with the version of their state'
);
delete from realtime.messages;
select tests.sign_in_as('bob');
select lives_ok('select leave_session((select id from made))', 'bob leaves');
select tests.sign_out();
select is(topic, 'reading_session:' || (select id from made) || ':1', 'nothing is sent to the old topic') from realtime.messages;

select * from finish();
rollback;
