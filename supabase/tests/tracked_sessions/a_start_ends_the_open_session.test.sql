begin;
select plan(8);

select tests.sign_in_as('ada');
create temporary table first as
select * from start_user_session('{"browser": "Firefox"}', 'home', '{"theme": "dark", "section_history": [1]}');
select is(app_section, 'home', 'a session begins in its section') from first;
select is(metadata - 'section_history', '{"theme": "dark"}', 'with the metadata given') from first;
select is(
  jsonb_path_query_array(metadata, '$.section_history[*].section'), '["home"]', 'and a history of its own'
) from first;
select is(last_seen_at, session_start, 'just seen') from first;
create temporary table second as select * from start_user_session();
select results_eq(
  'select s.id, s.session_end, s.end_token is null, s.duration_seconds
  from user_sessions as s where s.session_end is not null',
  'select f.id, s.session_start, true, 0 from first as f, second as s',
  'the next ends it, where it begins itself'
);
select ok(app_section is null and not metadata ? 'section_history', 'without a section there is no history')
from second;
select results_eq(
  'select e.event_type, e.event_data from session_events as e inner join first as f on f.id = e.session_id
  order by e.created_at',
  $$values
    ('session_start', '{"section": "home"}'::jsonb),
    ('session_end', '{"reason": "replaced", "duration_seconds": 0}')$$,
  'both ends are events'
);
select is(count(*), 1::bigint, 'one is open') from user_sessions where session_end is null;

select * from finish();
rollback;
