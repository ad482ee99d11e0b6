begin;
select plan(10);

select is(
  private.reach_instant(
    '2026-01-01Z', period::interval, make_interval(secs => limit_seconds), at::timestamptz, used::interval
  ), cap_at::timestamptz, title
) from (values
  ('1 day', 3600, '2026-01-01 10:00Z', '0', '2026-01-01 11:00Z', 'within the period'),
  ('1 day', 3600, '2026-01-01 10:00Z', '30 minutes', '2026-01-01 10:30Z', 'less what is used'),
  ('1 day', 3600, '2026-01-01 10:00Z', '2 hours', '2026-01-01 10:00Z', 'at once when more is used'),
  ('1 day', 3600, '2026-01-01 23:30Z', '0', '2026-01-02 01:00Z', 'a boundary gives the limit anew'),
  ('1 day', 3600, '2026-01-01 23:00Z', '0', '2026-01-02 01:00Z', 'also at the very instant of the limit'),
  ('1 day', 0, '2026-01-01 23:00Z', '0', '2026-01-01 23:00Z', 'nothing is nothing'),
  ('1 day', 86400, '2026-01-01 10:00Z', '0', null, 'never, when the limit is the period'),
  ('1 day', null, '2026-01-01 10:00Z', '0', null, 'never without a limit'),
  ('1 month', 29 * 86400, '2026-02-01 00:00Z', '0', '2026-03-30 00:00Z', 'in the first month that is long enough'),
  ('1 year', 366 * 86400 - 1, '2026-01-01 00:00Z', '0', '2028-12-31 23:59:59Z', 'in the next leap year')
) as v (period, limit_seconds, at, used, cap_at, title);

select * from finish();
rollback;
