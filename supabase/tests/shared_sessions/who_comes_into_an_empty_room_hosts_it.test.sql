begin;
select plan(3);

select tests.sign_in_as('ada');
create temporary table made as select * from create_reading_session();
grant select on made to public;
select lives_ok('select leave_session((select id from made))', 'given a room that all have left');
select tests.sign_in_as('bob');
select is((join_session(invite_code => invite_code)).user_id, 'bob', 'somebody comes') from made;
select is(host_id, 'bob', 'and hosts it') from reading_sessions;

select * from finish();
rollback;
