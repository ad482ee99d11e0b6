begin;
select plan(4);

create function pg_temp.measured() returns text language sql as $$
  select format('%s pending, %s dead, %s s', pending_count, dead_count, floor(oldest_age_seconds))
  from private.measure_outbox();
$$;
-- given an endpoint that was told of something a while ago, and one that is disabled
select is(pg_temp.measured(), '0 pending, 0 dead, 0 s', 'nobody is told of anything');
insert into webhook_endpoints (id, url) values
  ('00000000-0000-0000-0000-00000000000a', 'https://a.example'),
  ('00000000-0000-0000-0000-00000000000b', 'https://b.example');
select set_account('ada');
select private.notify('ada', 'usage_capped', n::text, '{}', clock_timestamp()) from generate_series(1, 3) as n;
update private.webhook_deliveries set queued_at = clock_timestamp() - interval '90.5 seconds';
update webhook_endpoints set enabled = false where url = 'https://b.example';
-- then
select is(pg_temp.measured(), '3 pending, 0 dead, 90 s', 'what waits for who is enabled');
-- when some are given up and some taken
update private.webhook_deliveries as d set status = 'dead', finished_at = clock_timestamp()
from notifications as n where n.id = d.notification_id and n.dedupe_key like '%:1';
update private.webhook_deliveries as d set status = 'delivered', finished_at = clock_timestamp()
from notifications as n where n.id = d.notification_id and n.dedupe_key like '%:2';
-- then
select is(pg_temp.measured(), '1 pending, 1 dead, 90 s', 'what was given up is counted too');
update private.webhook_deliveries set status = 'delivered', finished_at = clock_timestamp();
select is(pg_temp.measured(), '0 pending, 0 dead, 0 s', 'nothing waits');
select * from finish();
rollback;
