begin;
select plan(9);

select tests.sign_in_as('ada');
create temporary table made as select * from create_reading_session('Tarot', display_name => 'Ada');
grant select on made to public;
select is(host_id, 'ada', 'who creates a room hosts it') from made;
select is(max_participants, 8, 'for 8') from made;
select matches(invite_code, '^[A-Za-z0-9_-]{32}$', 'with 192 bits that a URL can hold') from made;
select is(topic, 'reading_session:' || id, 'and a topic') from made;
select results_eq(
  'select user_id, display_name, role, is_online from list_participants((select id from made))',
  $$values ('ada', 'Ada', 'host', true)$$, 'and is in it'
);
select results_eq('select invite_code from reading_sessions', 'select invite_code from made', 'she reads the code');
select is(count(*), 1::bigint, 'and who is in') from session_participants;
select tests.sign_in_as('bob');
select is_empty('select * from reading_sessions', 'others read no room');
select is_empty('select * from session_participants', 'and nobody in it');

select * from finish();
rollback;
