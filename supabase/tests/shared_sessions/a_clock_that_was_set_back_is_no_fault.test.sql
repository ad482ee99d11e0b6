begin;
select plan(6);

select tests.sign_in_as('ada');
create temporary table made as select * from create_reading_session();
grant select on made to public;
select tests.sign_out();
select tests.age_room(id, '-10 minutes') from made;
select tests.sign_in_as('bob');
select lives_ok('select join_session(invite_code => (select invite_code from made))', 'join');
select lives_ok('select touch_presence((select id from made))', 'touch');
select tests.sign_in_as('ada');
select ok(touch_presence(id) > now() + interval '9 minutes', 'a sign of life never goes back') from made;
select lives_ok($$select remove_participant((select id from made), 'bob')$$, 'remove');
select lives_ok('select leave_session((select id from made))', 'leave');
select lives_ok($$select join_session((select id from made), access_method => 'direct')$$, 'rejoin');

select * from finish();
rollback;
