begin;
select plan(5);

select tests.sign_in_as('ada');
select tests.sign_out();
select set_account('ada');
insert into usage_sessions (id, user_id, status, device_id, started_at, ended_at, end_token, active_time)
select
  ('00000000-0000-0000-0000-00000000000' || n)::uuid, 'ada', 'closed', 'd',
  timestamptz '2026-01-01' + (n / 2) * interval '1 day', timestamptz '2026-02-01', null, n * interval '1.9 seconds'
from generate_series(1, 5) as n;

select tests.sign_in_as('ada');
select results_eq(
  'select right(id::text, 1) from list_usage_sessions(page_size => 2)', array['5', '4'], 'newest first'
);
select results_eq(
  $$select right(id::text, 1) from list_usage_sessions('2026-01-03', '00000000-0000-0000-0000-000000000004', 2)$$,
  array['3', '2'], 'the next page'
);
select results_eq(
  $$select right(id::text, 1) from list_usage_sessions('2026-01-02', '00000000-0000-0000-0000-000000000002', 2)$$,
  array['1'], 'the last'
);
select results_eq(
  $$select right(id::text, 1) from list_usage_sessions('2026-01-03')$$, array['3', '2', '1'],
  'before alone is strictly before'
);
select is(active_seconds, 9, 'seconds are rounded down') from list_usage_sessions(page_size => 1);

select * from finish();
rollback;
