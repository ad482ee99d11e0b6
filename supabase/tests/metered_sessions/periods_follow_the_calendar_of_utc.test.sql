begin;
select plan(9);

set timezone = 'America/New_York';
select results_eq(
  format($$select started_at, ends_at from private.period_at(%L, %L, %L)$$, anchor, period, at),
  format('values (%L::timestamptz, %L::timestamptz)', started_at, ends_at),
  format('%s every %s at %s', anchor, period, at)
) from (values
  ('2026-01-31 12:00Z', '1 month', '2026-02-28 11:59:59.999999Z', '2026-01-31 12:00Z', '2026-02-28 12:00Z'),
  ('2026-01-31 12:00Z', '1 month', '2026-02-28 12:00Z', '2026-02-28 12:00Z', '2026-03-31 12:00Z'),
  ('2026-01-31 12:00Z', '1 month', '2026-04-30 12:00Z', '2026-04-30 12:00Z', '2026-05-31 12:00Z'),
  ('2024-02-29 00:00Z', '1 year', '2027-12-31 00:00Z', '2027-02-28 00:00Z', '2028-02-29 00:00Z'),
  ('2026-03-01 00:00Z', '1 day', '2026-03-08 23:59Z', '2026-03-08 00:00Z', '2026-03-09 00:00Z'),
  ('2026-01-01 00:00Z', '1 month 10 days', '2026-02-11 00:00Z', '2026-02-11 00:00Z', '2026-03-21 00:00Z'),
  ('1990-05-31 00:00Z', '1 month', '2026-06-30 00:00Z', '2026-06-30 00:00Z', '2026-07-31 00:00Z'),
  ('2026-01-01 00:00Z', '1 second', '2036-01-01 00:00:00.5Z', '2036-01-01 00:00Z', '2036-01-01 00:00:01Z'),
  ('2026-01-31 12:00Z', '1 month', '2026-01-01 00:00Z', '2025-12-31 12:00Z', '2026-01-31 12:00Z')
) as v (anchor, period, at, started_at, ends_at);

select * from finish();
rollback;
