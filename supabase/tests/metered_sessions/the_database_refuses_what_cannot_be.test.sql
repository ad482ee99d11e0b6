begin;
select plan(8);

select set_account('ada');
insert into usage_sessions (id, user_id, device_id, started_at, active_since, expires_at)
values ('00000000-0000-0000-0000-000000000001', 'ada', 'd', '2026-01-01', '2026-01-01', '2026-01-02');
select throws_ok(
  $$insert into usage_sessions (user_id, device_id, started_at, active_since, expires_at)
  values ('ada', 'e', '2026-01-01', '2026-01-01', '2026-01-02')$$,
  '23505', null, 'two live sessions of one user'
);
insert into usage_intervals values ('00000000-0000-0000-0000-000000000001', 'ada', '2026-01-01', null);
select throws_ok(
  $$insert into usage_intervals values ('00000000-0000-0000-0000-000000000001', 'ada', '2026-01-05', '2026-01-06')$$,
  '23P01', null, 'two stretches at once'
);
select throws_ok(
  $$update usage_intervals set ended_at = '2025-12-31'$$, '23514', null, 'a stretch that ends before it starts'
);
select throws_ok($$update usage_sessions set status = 'closed'$$, '23514', null, 'an end without a time');
select throws_ok($$update usage_sessions set status = 'gone'$$, '23514', null, 'an unknown status');
select throws_ok($$update accounts set period_anchor = now()$$, '23514', null, 'another anchor');
select throws_ok($$delete from private.settings$$, '23514', null, 'no settings');
select throws_ok($$insert into private.settings default values$$, '23505', null, 'two rows of settings');

select * from finish();
rollback;
