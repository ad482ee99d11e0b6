begin;
select plan(13);

update plans set limit_seconds = null;
select tests.sign_in_as('ada');
select is((start_usage_session()).status, 'active', 'given a session');
select tests.sign_out();
select tests.age('ada', '90 seconds 4 minutes');
select is(tests.what_is_wrong(), '{}', 'silent, and over for 4 minutes');
select tests.age('ada', '2 minutes');
select is(tests.what_is_wrong(), '{due_sessions}', 'for 6');
select is((private.close_due_sessions(10)).done_count, 1, 'swept');

update plans set limit_seconds = 1;
select tests.sign_in_as('bob');
select is((start_usage_session()).status, 'active', 'given one with a second to live');
select tests.sign_out();
select tests.age('bob', '5 minutes 2 seconds');
select is(tests.what_is_wrong(), '{due_sessions}', 'its cap alone is late');
select is((private.close_due_sessions(10)).done_count, 1, 'swept');

update plans set limit_seconds = 1000;
update private.settings set session_ttl = '1 day';
select tests.sign_in_as('eve');
select is((start_usage_session()).status, 'active', 'given one that is to be told of 80 percent after 800 seconds');
select tests.sign_out();
select tests.age('eve', '800 seconds 4 minutes');
select is(tests.what_is_wrong(), '{}', 'due for 4 minutes');
select tests.age('eve', '61 seconds');
select is(tests.what_is_wrong(), '{due_sessions}', 'that alone is late');
select ok((private.close_due_sessions(10)).done_count > 0, 'told');

select tests.sign_in_as('ada');
create temporary table made as select * from create_reading_session();
select tests.sign_out();
select tests.age_room(id, '59 minutes') from made;
select is(tests.what_is_wrong(), '{}', 'a room whose warning is due for 4 minutes');
select tests.age_room(id, '2 minutes') from made;
select is(tests.what_is_wrong(), '{due_rooms}', 'for 6');

select * from finish();
rollback;
