begin;
select plan(5);

select tests.sign_in_as('ada');
create temporary table s as select * from start_user_session();
create temporary table e as select log_session_event(id, 'x') as id from s;
select tests.sign_out();
select tests.age('ada', '31 days');
update user_sessions set last_seen_at = clock_timestamp();
select tests.sign_in_as('ada');
select is(log_session_event(s.id, 'again', '{}', e.id), e.id, 'past event_retention') from s, e;
select is(count(*), 2::bigint, 'an id is new') from session_events as x inner join e on e.id = x.id;
select is(log_session_event(s.id, 'again', '{}', e.id), e.id, 'and known') from s, e;
select is(log_session_events(s.id, jsonb_build_array(jsonb_build_object('event_type', 'b', 'event_id', e.id))), 0,
  'from then on') from s, e;
select is(count(*), 2::bigint, 'again') from session_events as x inner join e on e.id = x.id;

select * from finish();
rollback;
