begin;
select plan(6);

select tests.sign_in_as('ada');
create temporary table unswept as select * from create_reading_session();
create temporary table ended as select * from create_reading_session();
create temporary table known as select * from create_reading_session();
grant select on unswept, ended, known to public;
select lives_ok('select end_reading_session(id) from ended', 'given a room that was ended');
select tests.sign_out();
select tests.age_room(id, '90 days 1 hour') from unswept;
select tests.age_room(id, '100 days') from ended;
select tests.age_room(id, '80 days') from known;
select tests.act_as('service_role');
create temporary table before as select * from get_session_analytics(365);
select is(jsonb_array_length(per_day), 81, 'only what is known is counted') from before;
select is(peak_usage_hours #> '{0,sessions}', '1', 'once') from before;
select is((get_session_analytics(85)).retention_rate, null, 'nobody is known to have been there before');
select lives_ok('select cleanup_inactive_sessions()', 'when it is removed');
select is(after.*::text, before.*::text, 'nothing changes') from before, get_session_analytics(365) as after;

select * from finish();
rollback;
