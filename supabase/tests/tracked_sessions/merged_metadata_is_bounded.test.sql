begin;
select plan(4);

select tests.sign_in_as('ada');
create temporary table s as
select * from start_user_session(metadata => jsonb_build_object('a', repeat('x', 10000)));
select throws_ok(
  format($$select update_session_section(%L, 'map', jsonb_build_object('b', repeat('x', 10000)))$$, id),
  'PT413', 'payload_too_large', 'two that fit do not fit together'
) from s;
select results_eq(
  'select app_section, metadata, last_seen_at from user_sessions',
  'select app_section, metadata, last_seen_at from s', 'nothing has changed'
);
select lives_ok(
  format($$select update_session_section(%L, 'map', jsonb_build_object('a', repeat('y', 10000)))$$, id),
  'one replaces the other'
) from s;
select is(
  (select count(update_session_section(s.id, repeat(case n % 2 when 0 then 'x' else 'y' end, 512)))
  from s, generate_series(1, 100) as n),
  100::bigint, 'the history does not count'
);

select * from finish();
rollback;
