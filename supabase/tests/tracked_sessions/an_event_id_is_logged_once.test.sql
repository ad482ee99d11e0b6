begin;
select plan(8);

select tests.sign_in_as('ada');
create temporary table s as select * from start_user_session();
create temporary table e as select gen_random_uuid() as id;
select is(log_session_event(s.id, 'click', '{"button": 1}', e.id), e.id, 'the id given is answered') from s, e;
select is(log_session_event(s.id, 'other', '{}', e.id), e.id, 'again as well') from s, e;
select isnt(log_session_event(s.id, 'click'), log_session_event(s.id, 'click'), 'without one each is new') from s;
select is(log_session_events(s.id, jsonb_build_array(jsonb_build_object('event_type', 'q', 'event_id', e.id))), 0,
  'nor does a batch log it again') from s, e;
select is(count(*), 3::bigint, 'three events') from session_events where event_type <> 'session_start';
select is((end_user_session(id)).duration_seconds, 0, 'once it has ended') from s;
select is(log_session_event(s.id, 'click', '{}', e.id), e.id, 'the id is still answered') from s, e;
select throws_ok(
  format('select log_session_event(%L, %L)', id, 'click'), 'PT409', 'session_closed', 'and nothing new logged'
) from s;

select * from finish();
rollback;
