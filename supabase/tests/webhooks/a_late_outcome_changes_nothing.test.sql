begin;
select plan(5);

create temporary table claims (n integer, deliveries jsonb, leased_until timestamptz);
create function pg_temp.settle(claim integer, status integer) returns text language sql as $$
  select settled::text
  from claims as c cross join private.settle_deliveries(
    (c.deliveries -> 0 ->> 'endpoint_id')::uuid,
    jsonb_build_array(jsonb_build_object(
      'notification_id', c.deliveries -> 0 ->> 'notification_id', 'leased_until', c.leased_until,
      'status', settle.status
    ))
  ) as settled
  where c.n = claim;
$$;
insert into webhook_endpoints (url) values ('https://a.example');
select set_account('ada');
select private.notify('ada', 'usage_capped', '', '{}', clock_timestamp());
insert into claims select 1, c.deliveries, c.leased_until from private.claim_deliveries(1, 1, '1 minute', '{}') as c;
-- when the lease is over and somebody else claims it
update private.webhook_deliveries set next_try_at = clock_timestamp();
insert into claims select 2, c.deliveries, c.leased_until from private.claim_deliveries(1, 1, '1 minute', '{}') as c;
-- then
select is(deliveries -> 0 ->> 'try_count', '2', 'the second claim is another try') from claims where n = 2;
select is(pg_temp.settle(1, 500), '(0,0,0)', 'the first counts no more');
select is(pg_temp.settle(2, 200), '(1,0,0)', 'the second does');
select is(pg_temp.settle(2, 500), '(0,0,0)', 'once');
-- when workers are lost in each try
update private.webhook_deliveries set status = 'pending', finished_at = null, try_count = 8, next_try_at = now();
select private.claim_deliveries(1, 1, '1 minute', '{}');
select is(
  (select row(status, try_count, last_error)::text from private.webhook_deliveries), '(dead,8,worker_lost)',
  'what no worker survives is given up too'
);

select * from finish();
rollback;
