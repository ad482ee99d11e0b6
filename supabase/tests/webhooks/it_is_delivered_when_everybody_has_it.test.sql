begin;
select plan(4);

create function pg_temp.deliver(endpoint uuid, status integer) returns void language plpgsql as $$
declare
  v_leased_until timestamptz := clock_timestamp() + interval '1 minute';
begin
  update private.webhook_deliveries as d set next_try_at = v_leased_until where d.status = 'pending';
  perform private.settle_deliveries(endpoint, jsonb_build_array(jsonb_build_object(
    'notification_id', (select id from notifications), 'leased_until', v_leased_until, 'status', deliver.status
  )));
end
$$;
create function pg_temp.is_delivered() returns boolean language sql as $$
  select delivered_at is not null from notifications;
$$;
select set_account('ada');
insert into webhook_endpoints (id, url) values
  ('00000000-0000-0000-0000-00000000000a', 'https://a.example'),
  ('00000000-0000-0000-0000-00000000000b', 'https://b.example');
select private.notify('ada', 'usage_capped', '', '{}', clock_timestamp());
select pg_temp.deliver('00000000-0000-0000-0000-00000000000a', 200);
select is(pg_temp.is_delivered(), false, 'one has it');
select pg_temp.deliver('00000000-0000-0000-0000-00000000000b', 500);
select is(pg_temp.is_delivered(), false, 'the other has refused it');
select pg_temp.deliver('00000000-0000-0000-0000-00000000000b', 200);
select is(pg_temp.is_delivered(), true, 'both have it');
delete from webhook_endpoints;
delete from notifications;
select private.notify('ada', 'usage_capped', '', '{}', clock_timestamp());
select is(pg_temp.is_delivered(), false, 'nobody wanted it');

select * from finish();
rollback;
