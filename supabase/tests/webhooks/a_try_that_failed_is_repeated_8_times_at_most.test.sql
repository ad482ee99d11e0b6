begin;
select plan(16);

create function pg_temp.try(status integer, error text default null, retry_after double precision default null)
returns text language plpgsql as $$
declare
  v_claim record;
  v_found record;
begin
  update private.webhook_deliveries set next_try_at = clock_timestamp() where private.webhook_deliveries.status = 'pending';
  v_claim := private.claim_deliveries(1, 1, '1 minute', '{}');
  if v_claim.deliveries = '[]' then
    return 'nothing to try';
  end if;
  v_found := private.settle_deliveries(
    (v_claim.deliveries -> 0 ->> 'endpoint_id')::uuid,
    jsonb_build_array(jsonb_build_object(
      'notification_id', v_claim.deliveries -> 0 ->> 'notification_id', 'leased_until', v_claim.leased_until,
      'status', try.status, 'error', error, 'retry_after_seconds', retry_after
    ))
  );
  return format(
    '%s %s', v_claim.deliveries -> 0 ->> 'try_count',
    case 1 when v_found.delivered_count then 'delivered' when v_found.failed_count then 'failed' else 'dead' end
  );
end
$$;
create function pg_temp.waits() returns interval language sql as $$
  select date_trunc('second', next_try_at - clock_timestamp() + interval '0.5 seconds') from private.webhook_deliveries;
$$;
insert into webhook_endpoints (url) values ('https://a.example');
select set_account('ada');
select private.notify('ada', 'usage_capped', '', '{}', clock_timestamp());
-- when
select is(pg_temp.try(500, repeat('x', 600)), '1 failed', 'an error');
select cmp_ok(pg_temp.waits(), '<=', interval '5 seconds', 'is tried again soon');
select cmp_ok(pg_temp.waits(), '>=', interval '2 seconds', 'though not at once');
select is(
  (select row(status, last_status, char_length(last_error), delivered_at)::text
  from private.webhook_deliveries cross join notifications),
  row('pending', 500, 500, null)::text, 'and says what was wrong'
);
select is(pg_temp.try(302), '2 failed', 'a redirect is none');
select cmp_ok(pg_temp.waits(), '>=', interval '12 seconds', 'the next wait is longer');
select is(pg_temp.try(null, 'timeout', 1000), '3 failed', 'no answer');
select is(pg_temp.waits(), interval '1000 seconds', 'not before the receiver asked for');
select is(pg_temp.try(429, null, 1e300), '4 failed', 'who asks for the far future');
select is(pg_temp.waits(), interval '24 hours', 'is asked again after a day');
select is(
  (select array_agg(pg_temp.try(500)) from generate_series(1, 6)),
  array['5 failed', '6 failed', '7 failed', '8 dead', 'nothing to try', 'nothing to try'],
  'after the eighth it is given up'
);
select is(private.count_dead_deliveries(), 1::bigint, 'as is counted');
select is(private.replay_deliveries(10), 1, 'until somebody replays it');
select is(pg_temp.try(410), '1 dead', 'who says that it is gone is not asked again');
select private.replay_deliveries(10, notification => (select id from notifications));
select is(pg_temp.try(204), '1 delivered', 'at last it is taken');
select isnt(delivered_at, null, 'and delivered') from notifications;

select * from finish();
rollback;
