begin;
select plan(8);

select tests.sign_in_as('ada');
create temporary table made as select * from create_reading_session();
grant select on made to public;
select tests.sign_in_as('bob');
select is((join_session(invite_code => invite_code)).is_active, true, 'given two') from made;
select tests.sign_out();
select tests.age_room(id, '59 minutes') from made;
select tests.sign_in_as('bob');
select is(minutes_until_expiry, 0, 'a minute before its expiry') from check_session_expiry((select id from made));
select ok(touch_presence(id) > now() - interval '1 minute', 'bob is seen') from made;
select tests.sign_out();
select tests.age_room(id, '2 minutes') from made;
select tests.sign_in_as('ada');
select ok(touch_presence(id) is not null, 'ada, unseen for over an hour, is still in') from made;
select tests.sign_out();
select tests.age_room(id, '76 seconds') from made;
select tests.sign_in_as('bob');
select ok(not bool_or(is_online), 'nobody is online after 75 s') from list_participants((select id from made));
select is(minutes_until_expiry, 58, 'and 58 whole minutes are left') from check_session_expiry((select id from made));
select tests.sign_out();
select is((private.run_due()).done_count, 0, 'nothing is due');
select is(is_active, true, 'it lives') from reading_sessions;

select * from finish();
rollback;
