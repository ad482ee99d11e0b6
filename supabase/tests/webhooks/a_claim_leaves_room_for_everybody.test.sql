begin;
select plan(8);

create function pg_temp.claim(batch integer, per_endpoint integer, running uuid[] default '{}')
returns text language sql as $$
  select coalesce(string_agg(distinct urls.url || ' ' || urls.count, ', '), '')
  from (
    select c ->> 'url' as url, count(*) as count
    from private.claim_deliveries(batch, per_endpoint, '1 minute', running), jsonb_array_elements(deliveries) as c
    group by 1
  ) as urls;
$$;
create function pg_temp.next_in() returns interval language sql as $$
  select date_trunc('minute', next_delivery_at - claimed_at + interval '1 second')
  from private.claim_deliveries(0, 2, '1 minute', '{}');
$$;
-- given two endpoints with ten deliveries each
insert into webhook_endpoints (id, url) values
  ('00000000-0000-0000-0000-00000000000a', 'https://a.example'),
  ('00000000-0000-0000-0000-00000000000b', 'https://b.example');
select set_account('ada');
select private.notify('ada', 'usage_capped', n::text, '{}', clock_timestamp()) from generate_series(1, 10) as n;
-- then
select is(pg_temp.claim(4, 10), 'https://a.example 2, https://b.example 2', 'a batch takes from each in turn');
select is(pg_temp.claim(10, 1), 'https://a.example 1, https://b.example 1', 'of one endpoint not too many');
select is(
  pg_temp.claim(10, 3, array_fill('00000000-0000-0000-0000-00000000000a'::uuid, array[2])),
  'https://a.example 1, https://b.example 3', 'less those that run'
);
select ok(
  next_delivery_at <= claimed_at, 'there is more to do'
) from private.claim_deliveries(0, 2, '1 minute', '{}');
select is(pg_temp.claim(100, 100), 'https://a.example 6, https://b.example 4', 'the rest');
select is(pg_temp.claim(100, 100), '', 'what is claimed is not claimed again');
select is(pg_temp.next_in(), interval '1 minute', 'until its lease is over');
-- when the worker that claimed them is gone
update private.webhook_deliveries set next_try_at = clock_timestamp();
update webhook_endpoints set enabled = false where url = 'https://a.example';
select is(pg_temp.claim(100, 100), 'https://b.example 10', 'then anybody may; one that is disabled waits');

select * from finish();
rollback;
