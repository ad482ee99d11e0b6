begin;
select plan(9);

select tests.sign_in_as('ada');
create temporary table s as select * from start_user_session(app_section => 'home', metadata => '{"a": 1}');
select tests.sign_out();
select tests.age('ada', '60 seconds');
select tests.sign_in_as('ada');
create temporary table moved as
select u.* from s cross join update_session_section(id, 'map', '{"b": 2, "section_history": []}') as u;
select is(app_section, 'map', 'the user is elsewhere') from moved;
select is(metadata - 'section_history', '{"a": 1, "b": 2}', 'metadata is merged') from moved;
select is(
  jsonb_path_query_array(metadata, '$.section_history[*].section'), '["home", "map"]', 'the history goes on'
) from moved;
select is((metadata #>> '{section_history,1,at}')::timestamptz, last_seen_at, 'with its instant') from moved;
select tests.sign_out();
select tests.age('ada', '30 seconds');
select tests.sign_in_as('ada');
select is((update_session_section(id, 'home')).app_section, 'home', 'and back') from s;
select tests.sign_out();
select tests.age('ada', '10 seconds');
select tests.sign_in_as('ada');
select is((end_user_session(id)).duration_seconds, 100, 'given a session of 100 seconds') from s;
select is((get_user_session_stats()).section_counts, '{"home": 2, "map": 1}', 'visits are counted');
select is((get_user_session_stats()).section_seconds, '{"home": 70, "map": 30}', 'and timed');
select results_eq(
  $$select event_data from session_events where event_type = 'section_change' order by created_at$$,
  $$values ('{"section": "map", "from": "home"}'::jsonb), ('{"section": "home", "from": "map"}')$$,
  'each move is an event'
);

select * from finish();
rollback;
