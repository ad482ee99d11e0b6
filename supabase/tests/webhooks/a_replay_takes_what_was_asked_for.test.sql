begin;
select plan(8);

create function pg_temp.waiting() returns bigint language sql as $$
  select count(*) from private.webhook_deliveries where status = 'pending' and try_count = 0 and finished_at is null;
$$;
insert into webhook_endpoints (id, url) values
  ('00000000-0000-0000-0000-00000000000a', 'https://a.example'),
  ('00000000-0000-0000-0000-00000000000b', 'https://b.example');
select set_account('ada');
select private.notify('ada', 'usage_capped', n::text, '{}', clock_timestamp()) from generate_series(1, 3) as n;
update private.webhook_deliveries set status = 'dead', try_count = 8, finished_at = now() - interval '2 hours';
update private.webhook_deliveries set finished_at = now() - interval '1 hour'
where notification_id = (select id from notifications where dedupe_key like '%:1');
delete from realtime.messages;
-- then
select is(private.replay_deliveries(10, since => now() - interval '30 minutes'), 0, 'none died since');
select is_empty('select from realtime.messages', 'which is no news');
select is(
  private.replay_deliveries(10, '00000000-0000-0000-0000-00000000000a', now() - interval '90 minutes'), 1,
  'what died of an endpoint since'
);
select results_eq(
  'select topic, event from realtime.messages', $$values ('worker', 'notification:queued')$$, 'the worker hears of it'
);
select is(
  private.replay_deliveries(10, notification => (select id from notifications where dedupe_key like '%:1')), 1,
  'one notification, where it is dead'
);
select is(private.count_dead_deliveries('00000000-0000-0000-0000-00000000000b'), 2::bigint, 'what is left');
select is(private.replay_deliveries(3), 3, 'a batch');
select is(pg_temp.waiting(), 5::bigint, 'have 8 tries again');

select * from finish();
rollback;
