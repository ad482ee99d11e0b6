begin;
select plan(4);

select tests.sign_in_as('ada');
create temporary table s as select * from start_user_session(app_section => 'start');
select is(
  (select count(update_session_section(s.id, case n % 2 when 0 then 'even' else 'odd' end))
  from s, generate_series(1, 250) as n),
  250::bigint, 'given 250 moves'
);
select is(jsonb_array_length(metadata -> 'section_history'), 200, 'the last 200 are shown') from user_sessions;
select is(metadata #>> '{section_history,199,section}', 'even', 'the latest last') from user_sessions;
select is((get_user_session_stats()).section_counts, '{"start": 1, "odd": 125, "even": 125}', 'all are counted');

select * from finish();
rollback;
